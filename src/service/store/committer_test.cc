#include "service/store/committer.h"

#include <gtest/gtest.h>

#include <functional>
#include <semaphore>

#include "base/task.h"

namespace mail {
namespace {

constexpr Milliseconds kNoTick = std::chrono::hours(1);

class Sized final : public Change {
 public:
  explicit Sized(std::size_t size, bool alone = false, bool patient = false)
      : size_(size), alone_(alone), patient_(patient) {}
  Result<void> apply(Group&) override { return {}; }
  std::size_t size() const override { return size_; }
  bool alone() const override { return alone_; }
  bool patient() const override { return patient_; }

 private:
  std::size_t size_;
  bool alone_;
  bool patient_;
};

// Writes nothing. Says when a group has come in and, if told to, holds it until let go.
class StubWriter final : public GroupWriter {
 public:
  bool write(std::span<Change* const> group) override {
    sizes.push_back(group.size());
    if (hold) {
      came.release();
      go.acquire();
    }
    if (!fails) return true;
    for (Change* change : group) change->result = fail(Errc::store_unhealthy, "as asked");
    return false;
  }
  bool tick() override {
    if (in_tick) std::exchange(in_tick, nullptr)();
    return true;
  }
  bool recover() override {
    if (hold) go.acquire();
    fails = false;
    ++recoveries;
    return true;
  }

  std::function<void()> in_tick;
  std::vector<std::size_t> sizes;  // of the groups; read after they are done
  std::atomic<bool> hold = false;
  std::atomic<bool> fails = false;
  std::atomic<int> recoveries = 0;
  std::counting_semaphore<> came{0};
  std::counting_semaphore<> go{0};
};

class CountingExecutor final : public Executor {
 public:
  void post(Work work) override {
    ++posts;
    loop.post(std::move(work));
  }
  std::atomic<int> posts = 0;
  LoopExecutor loop;
};

class CommitterTest : public testing::Test {
 protected:
  CommitterTest() { Executor::set_current(&executor_); }
  ~CommitterTest() override { Executor::set_current(nullptr); }

  void submit(std::size_t size, bool alone = false) { tasks_.spawn(change(size, alone)); }
  Task<void> change(std::size_t size, bool alone) {
    Sized change(size, alone);
    results_.push_back(co_await committer_.run(change));
  }
  Task<void> patient_change() {
    Sized change(1, false, true);
    results_.push_back(co_await committer_.run(change));
  }
  void wait_for_all() {
    executor_.loop.run_until([&] { return tasks_.size() == 0; });
  }

  StubWriter writer_;
  CountingExecutor executor_;
  TaskSet tasks_;
  std::vector<Result<void>> results_;
  Committer committer_{writer_, 1000, kNoTick};
};

TEST_F(CommitterTest, WhatWaitsBecomesTheNextGroupsUpToTheBound) {
  writer_.hold = true;
  submit(1);
  writer_.came.acquire();
  for (const std::size_t size : {400, 400, 400, 5000, 10, 10}) submit(size);
  writer_.hold = false;
  writer_.go.release();
  wait_for_all();
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1, 2, 1, 1, 2}));
  for (const Result<void>& result : results_) EXPECT_TRUE(result);
}

TEST_F(CommitterTest, AChangeThatReadsWhatItChangesSharesNoGroup) {
  writer_.hold = true;
  submit(1);
  writer_.came.acquire();
  submit(1);
  submit(1, true);
  submit(1, true);
  submit(1);
  submit(1);
  writer_.hold = false;
  writer_.go.release();
  wait_for_all();
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1, 1, 1, 1, 2}));
}

TEST_F(CommitterTest, AGroupCostsOnePostPerExecutor) {
  writer_.hold = true;
  submit(1);
  writer_.came.acquire();
  for (int i = 0; i < 50; ++i) submit(1);
  writer_.hold = false;
  writer_.go.release();
  wait_for_all();
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1, 50}));
  EXPECT_EQ(executor_.posts, 2);
}

TEST_F(CommitterTest, AFailedGroupAndAllThatWaitsBehindItAreRefusedUntilRecovery) {
  writer_.hold = true;
  writer_.fails = true;
  submit(1);
  writer_.came.acquire();
  submit(1);
  submit(1);
  writer_.go.release();
  wait_for_all();
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1}));  // the others were never written
  submit(1);  // nor is this one: recovery is held as well
  wait_for_all();
  ASSERT_EQ(results_.size(), 4U);
  for (const Result<void>& result : results_) {
    EXPECT_EQ(result.error().code, Errc::store_unhealthy);
  }
  EXPECT_FALSE(committer_.healthy());
  writer_.hold = false;
  writer_.go.release();
  while (!committer_.healthy()) std::this_thread::yield();
  EXPECT_EQ(writer_.recoveries, 1);
  submit(1);
  wait_for_all();
  EXPECT_TRUE(results_.back());
}

TEST_F(CommitterTest, AFailureReportedFromElsewhereBringsRecovery) {
  committer_.report_failure();
  while (!committer_.healthy()) std::this_thread::yield();
  EXPECT_EQ(writer_.recoveries, 1);
}

TEST(Committer, AFailureReportedWhileItLooksAfterThingsIsNotForgotten) {
  StubWriter writer;
  std::atomic<Committer*> known = nullptr;
  writer.in_tick = [&] {
    while (known == nullptr) std::this_thread::yield();
    known.load()->report_failure();
  };
  Committer committer(writer, 1000, Milliseconds(1));
  known = &committer;
  while (writer.recoveries == 0) std::this_thread::yield();
  while (!committer.healthy()) std::this_thread::yield();
  EXPECT_EQ(writer.recoveries, 1);
}

TEST_F(CommitterTest, AThreadWithoutAnExecutorWaits) {
  Executor::set_current(nullptr);
  submit(1);
  EXPECT_EQ(tasks_.size(), 0U);
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_TRUE(results_[0]);
}

TEST(Committer, WritesWhatWaitsBeforeItStops) {
  StubWriter writer;
  CountingExecutor executor;
  Executor::set_current(&executor);
  struct Once {
    static Task<void> run(Committer& committer, bool& written) {
      Sized change(1);
      written = (co_await committer.run(change)).has_value();
    }
  };
  bool written = false;
  {
    TaskSet tasks;
    {
      Committer committer(writer, 1000, kNoTick);
      tasks.spawn(Once::run(committer, written));
    }
    executor.loop.run_until([&] { return tasks.size() == 0; });
  }
  Executor::set_current(nullptr);
  EXPECT_TRUE(written);
}

TEST_F(CommitterTest, WhatNobodyWaitsForWaitsForCompanyButNotForLong) {
  const auto began = std::chrono::steady_clock::now();
  tasks_.spawn(patient_change());
  wait_for_all();
  EXPECT_GE(std::chrono::steady_clock::now() - began, Committer::kPatience);
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1}));
}

TEST_F(CommitterTest, WhoeverIsInAHurryTakesThePatientAlong) {
  writer_.hold = true;
  submit(1);
  writer_.came.acquire();
  tasks_.spawn(patient_change());
  submit(1);
  tasks_.spawn(patient_change());
  writer_.hold = false;
  writer_.go.release();
  wait_for_all();
  EXPECT_EQ(writer_.sizes, (std::vector<std::size_t>{1, 3}));
}

}  // namespace
}  // namespace mail
