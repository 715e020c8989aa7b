#include "service/queue/in_flight.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace mail::queue {
namespace {

InFlightDelivery delivery(std::uint32_t number) {
  return {.message = MessageId::make(1'700'000'000'000, 3, 7),
          .number = number,
          .due = WallTime(std::chrono::milliseconds(1'700'000'000'123))};
}

class InFlightTest : public testing::Test {
 protected:
  InFlightTest() {
    std::string name = (std::filesystem::temp_directory_path() / "in-flight-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "in-flight";
  }
  ~InFlightTest() override { std::filesystem::remove_all(folder_); }

  std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& content) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }
  // What a next process finds.
  std::set<InFlightDelivery> left() const { return InFlightFile(path_).under_way(); }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(InFlightTest, TheNextProcessFindsWhatBeganAndDidNotEnd) {
  {
    InFlightFile file(path_);
    EXPECT_TRUE(file.under_way().empty());
    file.begin(std::vector{delivery(0), delivery(1), delivery(2)});
    file.end(std::vector{delivery(1), delivery(9)});
  }
  EXPECT_EQ(left(), (std::set{delivery(0), delivery(2)}));
  EXPECT_EQ(left(), (std::set{delivery(0), delivery(2)})) << "until somebody ends it";
  InFlightFile(path_).end(std::vector{delivery(0), delivery(2)});
  EXPECT_TRUE(left().empty());
}

TEST_F(InFlightTest, ARowPutOffIsAnother) {
  InFlightDelivery later = delivery(0);
  later.due += std::chrono::minutes(1);
  InFlightFile file(path_);
  file.begin(std::vector{delivery(0)});
  file.end(std::vector{later});
  EXPECT_EQ(left(), std::set{delivery(0)});
}

TEST_F(InFlightTest, ATornTailIsPassedOver) {
  InFlightFile(path_).begin(std::vector{delivery(0), delivery(1)});
  const std::string whole = bytes();
  ASSERT_EQ(whole.size(), 2 * InFlightFile::kRecordSize);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    EXPECT_EQ(left().size(), size / InFlightFile::kRecordSize) << size;
  }
}

TEST_F(InFlightTest, ADamagedRecordIsPassedOverAndTheOthersAreNot) {
  InFlightFile(path_).begin(std::vector{delivery(0), delivery(1), delivery(2)});
  const std::string whole = bytes();
  for (std::size_t at = 0; at < InFlightFile::kRecordSize; ++at) {
    std::string damaged = whole;
    damaged[InFlightFile::kRecordSize + at] ^= 0x10;
    put(damaged);
    EXPECT_EQ(left(), (std::set{delivery(0), delivery(2)})) << at;
  }
}

TEST_F(InFlightTest, ItStaysSmall) {
  InFlightFile file(path_);
  file.begin(std::vector{delivery(0)});
  for (std::uint32_t i = 1; i < 40'000; ++i) {
    file.begin(std::vector{delivery(i)});
    file.end(std::vector{delivery(i)});
  }
  EXPECT_LE(bytes().size(), InFlightFile::kLargest);
  EXPECT_EQ(left(), std::set{delivery(0)});
}

TEST_F(InFlightTest, WhatCouldNotBeWrittenIsWrittenOnceItCan) {
  std::filesystem::create_directory(path_);  // nothing can be put in its place
  InFlightFile file(path_);
  file.begin(std::vector{delivery(0)});
  std::filesystem::remove(path_);
  file.begin(std::vector{delivery(1)});
  EXPECT_EQ(left(), (std::set{delivery(0), delivery(1)}));
}

}  // namespace
}  // namespace mail::queue
