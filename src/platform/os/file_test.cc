#include "platform/os/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string_view>
#include <vector>

namespace mail::os {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() {
    std::string name = (fs::temp_directory_path() / "mail_os_XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~File() override { fs::remove_all(directory_); }
  fs::path directory_;
};

TEST_F(File, WhatWasReplacedIsReadBackWithItsMode) {
  const fs::path path = directory_ / "a";
  ASSERT_TRUE(replace_file(path, "one", 0600));
  ASSERT_TRUE(replace_file(path, std::string("t\0w", 3), 0640));
  EXPECT_EQ(read_file(path).value(), std::string("t\0w", 3));
  EXPECT_TRUE(others_may_read(path).value());
  ASSERT_TRUE(replace_file(path, "", 0600));
  EXPECT_EQ(read_file(path).value(), "");
  EXPECT_FALSE(others_may_read(path).value());
}

TEST_F(File, ReplacingLeavesNothingBesideAndSurvivesALeftOver) {
  const fs::path path = directory_ / "a";
  std::ofstream(directory_ / "a.new") << "half of an interrupted wri";
  ASSERT_TRUE(replace_file(path, "whole"));
  EXPECT_EQ(read_file(path).value(), "whole");
  EXPECT_FALSE(fs::exists(directory_ / "a.new"));
}

TEST_F(File, AMissingFileIsNotFoundAndNamed) {
  const auto content = read_file(directory_ / "missing");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Errc::not_found);
  EXPECT_NE(content.error().detail.find("missing"), std::string::npos);
  EXPECT_EQ(remove_file(directory_ / "missing").error().code, Errc::not_found);
}

TEST_F(File, AFileOverTheLimitIsRefused) {
  ASSERT_TRUE(replace_file(directory_ / "a", std::string(100'001, 'x')));
  EXPECT_EQ(read_file(directory_ / "a", 100'000).error().code, Errc::too_large);
  EXPECT_EQ(read_file(directory_ / "a", 100'001).value().size(), 100'001U);
}

TEST_F(File, DirectoriesAreMadeWithThoseAboveThem) {
  const fs::path path = directory_ / "a" / "b" / "c";
  ASSERT_TRUE(make_directories(path));
  ASSERT_TRUE(make_directories(path));
  EXPECT_TRUE(fs::is_directory(path));
  ASSERT_TRUE(replace_file(directory_ / "file", ""));
  EXPECT_FALSE(make_directories(directory_ / "file"));
  EXPECT_FALSE(make_directories(directory_ / "file" / "below"));
}

TEST_F(File, WhatIsWrittenAgainStaysAsItIs) {
  const fs::path path = directory_ / "log";
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{(3 << 20) + 7}}) {
    std::string content(size, 'x');
    for (std::size_t i = 0; i < size; i += 1000) content[i] = static_cast<char>('a' + i % 23);
    std::ofstream(path, std::ios::binary) << content;
    ASSERT_TRUE(write_again(path));
    EXPECT_EQ(read_file(path), content);
  }
  EXPECT_EQ(write_again(directory_ / "none").error().code, Errc::not_found);
}

TEST_F(File, AppendedBytesStandInOrderAndAnExistingFileIsNotTakenOver) {
  const fs::path path = directory_ / "log";
  {
    AppendFile file = AppendFile::create(path).value();
    ASSERT_TRUE(file.append("one "));
    ASSERT_TRUE(file.append("two"));
    ASSERT_TRUE(file.sync());
    EXPECT_EQ(file.size(), 7U);
  }
  EXPECT_EQ(read_file(path).value(), "one two");
  EXPECT_FALSE(AppendFile::create(path));
}

TEST_F(File, PartsAreWrittenWhereTheyBelongAndReadFromThere) {
  const fs::path path = directory_ / "placed";
  const PlacedFile file = PlacedFile::create(path).value();
  EXPECT_FALSE(PlacedFile::create(path));
  ASSERT_TRUE(file.allocate(0, 1 << 20));
  EXPECT_EQ(fs::file_size(path), 0U) << "space, not length";
  const std::vector<std::string_view> parts(700, "ab");  // more than one call takes
  ASSERT_TRUE(file.write(4096, parts));
  ASSERT_TRUE(file.sync());
  EXPECT_EQ(fs::file_size(path), 4096U + 1400U);
  EXPECT_EQ(read_at(path, 4096 + 1396, 4).value(), "abab");
  EXPECT_EQ(read_at(path, 4096 + 1398, 4).value(), "ab") << "the file ends there";
  EXPECT_EQ(read_at(directory_ / "missing", 0, 1).error().code, Errc::not_found);
}

TEST_F(File, SpaceThatWasAskedForAheadGoesBack) {
  const fs::path path = directory_ / "placed";
  const PlacedFile file = PlacedFile::create(path).value();
  ASSERT_TRUE(file.allocate(0, 1 << 20));
  ASSERT_TRUE(file.write(0, std::vector<std::string_view>{"kept"}));
  const auto taken = [&] {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_blocks;
  };
  const fs::path other = directory_ / "linked";
  ASSERT_TRUE(link_or_copy(path, other));
  ASSERT_TRUE(trim_file(path));
  EXPECT_GE(taken(), 2048) << "who knows that name may be writing";
  ASSERT_TRUE(remove_file(other));
  ASSERT_TRUE(trim_file(path));
  EXPECT_LE(taken(), 64 * 2);
  EXPECT_EQ(read_file(path).value(), "kept");
}

TEST_F(File, AFileGetsAnotherNameThatOutlivesTheFirst) {
  ASSERT_TRUE(replace_file(directory_ / "one", "content"));
  ASSERT_TRUE(link_or_copy(directory_ / "one", directory_ / "two"));
  ASSERT_TRUE(remove_file(directory_ / "one"));
  EXPECT_EQ(read_file(directory_ / "two").value(), "content");
  EXPECT_FALSE(link_or_copy(directory_ / "one", directory_ / "three"));
}

TEST_F(File, SpaceIsOfTheFileSystemThatHoldsThePath) {
  const Space space = space_of(directory_).value();
  EXPECT_GT(space.total, 0U);
  EXPECT_LE(space.available, space.total);
  EXPECT_FALSE(space_of(directory_ / "missing"));
}

TEST_F(File, OnlyOneHoldsALockAndItIsFreeAfterwards) {
  const fs::path path = directory_ / "lock";
  {
    const LockFile first = LockFile::take(path).value();
    const auto second = LockFile::take(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::already_exists);
    EXPECT_NE(second.error().detail.find(std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(LockFile::take(path));
}

}  // namespace
}  // namespace mail::os
