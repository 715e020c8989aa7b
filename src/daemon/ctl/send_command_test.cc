#include "daemon/ctl/send_command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace mail::ctl {
namespace {

class PasswordLine : public testing::Test {
 protected:
  PasswordLine() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~PasswordLine() override { ::close(ends_[0]); }
  std::expected<std::string, Refusal> read(std::string_view input) {
    EXPECT_EQ(::write(ends_[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(ends_[1]);
    return read_password_line(ends_[0]);
  }
  std::array<int, 2> ends_{};
};

TEST_F(PasswordLine, ItsLineEndIsNoPartOfIt) { EXPECT_EQ(read(" a b \r\n").value(), " a b "); }

TEST_F(PasswordLine, TheEndOfInputEndsItToo) { EXPECT_EQ(read("secret").value(), "secret"); }

TEST_F(PasswordLine, WhatFollowsIsLeftForTheNextReader) {
  EXPECT_EQ(read("secret\nSubject: x\n").value(), "secret");
  std::array<char, 64> rest{};
  EXPECT_EQ(::read(ends_[0], rest.data(), rest.size()), 11);
}

TEST_F(PasswordLine, AnEmptyOneIsRefused) {
  const auto line = read("\nsecret\n");
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().exit, Exit::bad_data);
}

TEST_F(PasswordLine, AnEndlessOneIsRefused) { EXPECT_FALSE(read(std::string(2000, 'x'))); }

}  // namespace
}  // namespace mail::ctl
