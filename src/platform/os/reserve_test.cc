#include "platform/os/reserve.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mail::os {
namespace {

namespace fs = std::filesystem;

class ReserveTest : public testing::Test {
 protected:
  ReserveTest()
      : folder_(fs::temp_directory_path() / ("mail-reserve-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  ~ReserveTest() override { fs::remove_all(folder_); }

  // (blocks in octets, length) of all its files together.
  std::pair<std::uint64_t, std::uint64_t> held_on_disk() const {
    std::pair<std::uint64_t, std::uint64_t> sum;
    for (const auto& entry : fs::directory_iterator(folder_ / "reserve")) {
      struct stat status{};
      EXPECT_EQ(::stat(entry.path().c_str(), &status), 0);
      sum.first += static_cast<std::uint64_t>(status.st_blocks) * 512;
      sum.second += static_cast<std::uint64_t>(status.st_size);
    }
    return sum;
  }

  fs::path folder_;
};

TEST_F(ReserveTest, HoldsBlocksThatNobodyElseGetsInFilesOfNoLength) {
  Reserve reserve(folder_);
  ASSERT_GT(reserve.size(), 0U) << "the disk of the tests cannot allocate";
  EXPECT_FALSE(reserve.held());
  EXPECT_FALSE(reserve.release(Reserve::Part::all));
  reserve.hold();
  EXPECT_TRUE(reserve.held());
  EXPECT_GE(held_on_disk().first, reserve.size());
  EXPECT_EQ(held_on_disk().second, 0U);
}

TEST_F(ReserveTest, GivesItBackAndKeepsAQuarterForTheNextStart) {
  Reserve reserve(folder_);
  reserve.hold();
  EXPECT_TRUE(reserve.release(Reserve::Part::most));
  EXPECT_FALSE(reserve.held());
  EXPECT_GE(held_on_disk().first, reserve.size() / 4);
  EXPECT_LT(held_on_disk().first, reserve.size() / 2);
  EXPECT_FALSE(reserve.release(Reserve::Part::most));
  EXPECT_FALSE(Reserve(folder_).held());
  EXPECT_TRUE(reserve.release(Reserve::Part::all));
  EXPECT_EQ(held_on_disk().first, 0U);
  EXPECT_FALSE(reserve.release(Reserve::Part::all));
  reserve.hold();
  EXPECT_TRUE(reserve.held());
}

TEST_F(ReserveTest, TakesOverWhatAnEarlierLifeHeldAndCompletesWhatWasCopiedWithoutItsBlocks) {
  Reserve(folder_).hold();
  EXPECT_TRUE(Reserve(folder_).held());
  ASSERT_EQ(::truncate((folder_ / "reserve" / "0").c_str(), 0), 0);
  Reserve reserve(folder_);
  EXPECT_FALSE(reserve.held());
  reserve.hold();
  EXPECT_TRUE(Reserve(folder_).held());
}

TEST_F(ReserveTest, WithoutItsFolderThereIsNone) {
  Reserve reserve(folder_ / "missing");
  reserve.hold();
  EXPECT_FALSE(reserve.held());
  EXPECT_EQ(reserve.size(), 0U);
}

}  // namespace
}  // namespace mail::os
