#include "service/store/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "service/store/test_directory.h"

namespace mail {
namespace {

const MonoTime kNow{};
MessageId id(std::uint32_t n) { return MessageId::make(1'790'000'000'000, 0, n); }

TEST(Journal, GivesBackWhatAnUncleanLifeAppendedSorted) {
  const TestDirectory directory;
  {
    Journal journal(directory.path());
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.append(std::vector{id(3), id(4)}, kNow));
    ASSERT_TRUE(journal.append(std::vector{id(1)}, kNow));
    EXPECT_EQ(journal.ids().value(), (std::vector{id(1), id(3), id(4)}));
  }
  Journal journal(directory.path());
  const Journal::Left left = journal.open().value();
  EXPECT_EQ(left.ids, (std::vector{id(1), id(3), id(4)}));
  ASSERT_TRUE(journal.forget(left));
  EXPECT_TRUE(Journal(directory.path()).open().value().files.empty());
}

TEST(Journal, ATornTailCostsOnlyItself) {
  const TestDirectory directory;
  {
    Journal journal(directory.path());
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.append(std::vector{id(1)}, kNow));
    ASSERT_TRUE(journal.append(std::vector{id(2)}, kNow));
  }
  const std::filesystem::path file = directory.path() / "1.ids";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  EXPECT_EQ(Journal(directory.path()).open().value().ids, std::vector{id(1)});
}

TEST(Journal, AnOrderlyStopIsKnownOnceAndItsIdsAreComparedToo) {
  const TestDirectory directory;
  {
    Journal journal(directory.path());
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.append(std::vector{id(1)}, kNow));
    ASSERT_TRUE(journal.mark_clean());
  }
  Journal journal(directory.path());
  const Journal::Left left = journal.open().value();
  EXPECT_TRUE(left.clean);
  EXPECT_EQ(left.ids, std::vector{id(1)});  // its log may have been damaged since
  EXPECT_EQ(left.files.size(), 1U);
  const Journal::Left again = Journal(directory.path()).open().value();  // died before forget()
  EXPECT_FALSE(again.clean);
  EXPECT_EQ(again.ids.size(), 1U);
}

TEST(Journal, AFileIsFullAfterTenMinutesAndGoesWhenItsLogIsFlushed) {
  const TestDirectory directory;
  Journal journal(directory.path());
  ASSERT_TRUE(journal.open());
  ASSERT_TRUE(journal.append(std::vector{id(1)}, kNow));
  EXPECT_FALSE(journal.full(kNow + std::chrono::minutes(9)));
  EXPECT_TRUE(journal.full(kNow + std::chrono::minutes(10)));
  ASSERT_TRUE(journal.close_file(7));
  ASSERT_TRUE(journal.append(std::vector{id(2)}, kNow + std::chrono::minutes(10)));
  ASSERT_TRUE(journal.drop_flushed(7));
  EXPECT_EQ(journal.ids().value().size(), 2U);
  ASSERT_TRUE(journal.drop_flushed(8));
  EXPECT_EQ(journal.ids().value(), std::vector{id(2)});
  EXPECT_EQ(journal.closed_files(), 0U);
}

// Limits the size of files of this process while it lives; a longer write is cut there.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit small{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit old_{};
  void (*before_)(int) = nullptr;
};

TEST(Journal, BehindAHalfWrittenRecordANewFileBegins) {
  const TestDirectory directory;
  {
    Journal journal(directory.path());
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.append(std::vector{id(1)}, kNow));
    const auto size = std::filesystem::file_size(directory.path() / "1.ids");
    bool appended = true;
    {
      const SmallFiles full_disk(size + 5);
      appended = journal.append(std::vector{id(2)}, kNow).has_value();
    }
    ASSERT_FALSE(appended);
    EXPECT_EQ(std::filesystem::file_size(directory.path() / "1.ids"), size + 5);
    ASSERT_TRUE(journal.full(kNow));
    ASSERT_TRUE(journal.close_file(1));
    EXPECT_FALSE(journal.full(kNow));
    ASSERT_TRUE(journal.append(std::vector{id(3)}, kNow));
    EXPECT_EQ(journal.ids().value(), (std::vector{id(1), id(3)}));
  }
  EXPECT_EQ(Journal(directory.path()).open().value().ids, (std::vector{id(1), id(3)}));
}

TEST(Journal, AFileIsFullAtFourMebibytes) {
  const TestDirectory directory;
  Journal journal(directory.path());
  ASSERT_TRUE(journal.open());
  ASSERT_TRUE(journal.append(std::vector<MessageId>(420'000), kNow));
  EXPECT_TRUE(journal.full(kNow));
}

}  // namespace
}  // namespace mail
