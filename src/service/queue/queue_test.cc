#include "service/queue/queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "service/queue/in_flight.h"
#include "service/queue/test_desk.h"
#include "service/store/model_mail_store.h"

namespace mail {
namespace {

using std::chrono::seconds;

class NoDns final : public dns::Resolver {
 public:
  Task<dns::Answer> ask(std::string, dns::Type, MonoTime) override { co_return dns::Answer{}; }
};

// Keeps jobs until the test says what becomes of them; as real ones do, from another thread.
class HeldCourier final : public Courier {
 public:
  void send(Job job) override {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    came_.notify_all();
  }
  Job next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return !jobs_.empty(); });
    Job job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    return job;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return jobs_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Job> jobs_;
};

// What is said of doubles.
class Doubles final : public log::Sink {
 public:
  Doubles() { log::set_sink(this); }
  ~Doubles() override { log::set_sink(nullptr); }
  Doubles(const Doubles&) = delete;
  Doubles& operator=(const Doubles&) = delete;
  void write(log::Level, std::string_view event, std::span<const log::Field> fields) override {
    if (event != "queue.possible_duplicate") return;
    const std::lock_guard lock(mutex_);
    for (const log::Field& field : fields) {
      if (field.name == "id") ids_.push_back(field.value);
    }
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ids_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> ids_;
};

class QueueTest : public testing::Test {
 protected:
  QueueTest() {
    auto hub = std::make_shared<Route>();
    hub->kind = Route::Kind::smtp;
    hub->to = "smtp://127.0.0.1:2600";
    hub->host = "127.0.0.1";
    world_.routes = std::make_shared<const Routes>(
        std::map<std::string, std::shared_ptr<const Route>>{{"*", hub}},
        std::map<std::string, std::shared_ptr<const Route>>{});
    world_.mx = std::make_shared<const mx::MxWorld>();
    open();
  }
  ~QueueTest() override { queue_->stop(seconds(5)); }

  void open() {
    queue_ = std::make_unique<Queue>(
        QueueParts{store_, dns_, placer_, notices_, random_, clock_, in_flight_}, world_);
    courier_ = std::make_unique<HeldCourier>();
    queue_->start(*courier_);
  }

  MessageId commit(const std::string& recipient, bool tell = true) {
    Draft draft;
    draft.id = store_.next_id();
    draft.received_at = clock_.wall_now() - (tell ? seconds(0) : seconds(10));
    draft.reverse_path = "tom@gmail.test";
    draft.content = "From: Tom <tom@gmail.test>\r\nSubject: hi\r\n\r\nhello\r\n";
    draft.size = draft.content.size();
    draft.recipients = {recipient};
    draft.events.push_back({.message = draft.id,
                            .kind = record::EventKind::received,
                            .at = draft.received_at,
                            .recipient = {},
                            .recipients = {recipient},
                            .facts = {}});
    draft.deliveries.push_back(
        {.target = ToRoute{{"smtp://127.0.0.1:2600", "a.test", "1"}, draft.received_at},
         .recipients = {recipient},
         .reverse_path = draft.reverse_path,
         .added_fields = {}});
    EXPECT_TRUE(block_on(loop_, store_.commit(std::span(&draft, 1))));
    const auto mail = enqueued_by(draft);
    EXPECT_TRUE(mail.has_value());
    if (tell && mail.has_value()) queue_->enqueued(*mail);
    return draft.id;
  }
  void answer(const Job& job, smtp::Verdict::Kind kind) {
    std::vector<Attempt> attempts;
    for (const Parcel& parcel : job.parcels) {
      attempts.push_back({.key = parcel.key,
                          .recipients = {queue::Desk::verdict(kind)},
                          .connection = {},
                          .began = clock_.wall_now()});
      attempts.back().recipients[0].code = 250;
    }
    queue_->attempted(std::move(attempts));
    queue_->job_done(job.site, job.slot, {}, std::nullopt);
  }
  template <typename T>
  T ask(Task<T> task) {
    return block_on(loop_, std::move(task));
  }
  std::vector<QueueRow> rows(QueueFilter filter = {}) {
    return ask(queue_->list(std::move(filter))).value();
  }
  // Asks again and again: what waits is bounded by the test's own time limit.
  void until(const std::function<bool()>& done) {
    while (!done()) ask(queue_->status());
  }

  SystemClock clock_;
  SystemRandom random_;
  LoopExecutor loop_;
  ModelMailStore store_{clock_};
  NoDns dns_;
  queue::DeskPlacer placer_;
  queue::DeskNotices notices_;
  QueueWorld world_;
  std::filesystem::path in_flight_;
  std::unique_ptr<HeldCourier> courier_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(QueueTest, SendsFreshMailAndSettlesIt) {
  commit("x@a.test");
  const Job job = courier_->next();
  EXPECT_EQ(job.destination->name, "[127.0.0.1]");
  EXPECT_EQ(*job.parcels.at(0).content,
            "From: Tom <tom@gmail.test>\r\nSubject: hi\r\n\r\nhello\r\n");
  EXPECT_EQ(rows().at(0).state, QueueRow::State::sending);
  answer(job, smtp::Verdict::Kind::accepted);
  until([&] { return rows().empty(); });
  EXPECT_EQ(store_.counters().delivered, 1);
}

TEST_F(QueueTest, FindsWhatAnEarlierProcessLeft) {
  commit("x@a.test", false);
  queue_->stop(seconds(0));  // it may be with the courier already, who says nothing any more
  open();
  const Job job = courier_->next();
  EXPECT_EQ(job.parcels.at(0).content, nullptr);
  EXPECT_NE(job.parcels.at(0).body, record::BodyRef{});
  answer(job, smtp::Verdict::Kind::accepted);
  until([&] { return rows().empty(); });
}

TEST_F(QueueTest, ADeferredOneSaysWhenAndWhyAndRetryMakesItDueNow) {
  const MessageId id = commit("x@a.test");
  answer(courier_->next(), smtp::Verdict::Kind::deferred);
  until([&] { return rows().at(0).attempts == 1; });
  const QueueRow row = rows().at(0);
  EXPECT_EQ(row.state, QueueRow::State::queued);
  EXPECT_EQ(row.reason, "said so");
  EXPECT_GT(row.next_try.value_or(WallTime()), clock_.wall_now() + seconds(50));
  EXPECT_EQ(ask(queue_->retry({.ids = {id}}))->changed.size(), 1U);
  answer(courier_->next(), smtp::Verdict::Kind::accepted);
  until([&] { return rows().empty(); });
}

TEST_F(QueueTest, HoldsReleasesAndBouncesButNotWhatIsBeingSent) {
  const MessageId id = commit("x@a.test");
  const Job job = courier_->next();
  const QueueChange refused = ask(queue_->hold({.ids = {id}}, "why not")).value();
  EXPECT_TRUE(refused.changed.empty());
  ASSERT_EQ(refused.refused.size(), 1U);
  EXPECT_EQ(refused.refused[0].reason, "is being sent right now");
  answer(job, smtp::Verdict::Kind::deferred);
  until([&] { return rows().at(0).attempts == 1; });

  EXPECT_EQ(ask(queue_->hold({.recipient = "X@A.test"}, "looked at"))->changed.size(), 1U);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].state, QueueRow::State::held);
  EXPECT_EQ(rows()[0].reason, "looked at");
  EXPECT_TRUE(rows({.domain = "b.test"}).empty());

  EXPECT_EQ(ask(queue_->release({.sender = "tom@gmail.test"}))->changed.size(), 1U);
  EXPECT_TRUE(rows().empty());  // the placer puts it into a mailbox
  const auto boxes = ask(store_.mailboxes({7}));
  ASSERT_EQ(boxes->size(), 1U);
  EXPECT_EQ(ask(store_.entry(boxes->at(0).id, Uid{1}))->subject, "hi");

  const MessageId other = commit("y@a.test");
  answer(courier_->next(), smtp::Verdict::Kind::deferred);
  until([&] { return rows().at(0).attempts == 1; });
  EXPECT_EQ(ask(queue_->bounce({.ids = {other}}, "unwanted"))->changed.size(), 1U);
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(store_.counters().bounced, 1);
}

Task<void> keep(Task<Result<QueueChange>> verb, std::optional<QueueChange>* change) {
  *change = (co_await std::move(verb)).value();
}

// `heal` is called when the verb has come to the queue and waits there.
Task<QueueChange> while_an_outcome_is_written(Queue& queue, Task<Result<QueueChange>> verb,
                                              std::function<void()> heal) {
  std::optional<QueueChange> change;
  TaskSet tasks;
  tasks.spawn(keep(std::move(verb), &change));
  co_await queue.status();  // which comes behind it
  EXPECT_FALSE(change.has_value());
  heal();
  while (!change.has_value()) co_await queue.status();
  co_return *change;
}

TEST_F(QueueTest, AnOutcomeThatIsBeingWrittenIsWaitedForByWhoNamesTheMessage) {
  const MessageId id = commit("x@a.test");
  const Job job = courier_->next();
  store_.set_healthy(false);
  answer(job, smtp::Verdict::Kind::deferred);
  until([&] { return ask(queue_->status()).unsettled == 1; });
  const QueueChange change = ask(while_an_outcome_is_written(
      *queue_, queue_->bounce({.ids = {id}}, "unwanted"), [&] { store_.set_healthy(true); }));
  EXPECT_EQ(change.changed.size(), 1U);
  EXPECT_TRUE(change.refused.empty());
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(store_.counters().bounced, 1);
}

TEST_F(QueueTest, WhatWasDeliveredIsNotSentAgainWhileTheStoreIsIll) {
  commit("x@a.test");
  const Job job = courier_->next();
  store_.set_healthy(false);
  answer(job, smtp::Verdict::Kind::accepted);
  until([&] { return ask(queue_->status()).unsettled == 1; });
  EXPECT_TRUE(courier_->idle());
  store_.set_healthy(true);
  until([&] { return rows().empty(); });
  EXPECT_TRUE(courier_->idle());
  EXPECT_EQ(store_.counters().delivered, 1);
}

TEST_F(QueueTest, WhatWasBeingSentWhenItDiedIsAPossibleDouble) {
  std::string name = (std::filesystem::temp_directory_path() / "queue-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  in_flight_ = folder / "in-flight";
  queue_->stop(seconds(0));
  open();
  Doubles doubles;
  commit("settled@a.test");
  answer(courier_->next(), smtp::Verdict::Kind::accepted);
  until([&] { return rows().empty(); });
  commit("untried@a.test");
  Job job = courier_->next();
  queue_->job_done(job.site, job.slot, std::move(job.parcels), std::nullopt);
  job = courier_->next();
  answer(job, smtp::Verdict::Kind::deferred);
  until([&] { return rows().at(0).attempts == 1; });
  const MessageId flying = commit("flying@a.test", false);
  const MessageId waiting = commit("waiting@a.test", false);
  // The row is there, and the courier had it; it says nothing any more.
  queue_->stop(seconds(0));
  const QueuedDelivery row = ask(store_.queued_of(flying))->at(0);
  queue::InFlightFile(in_flight_)
      .begin(std::vector<queue::InFlightDelivery>{{flying, row.key.number, row.key.due}});
  open();
  until([&] { return ask(queue_->status()).ready; });
  EXPECT_EQ(doubles.take(), std::vector{flying.to_string()});

  // Now both of them go; only what does not end is named again.
  std::vector<Job> jobs;
  std::size_t parcels = 0;
  while (parcels < 2) {
    jobs.push_back(courier_->next());
    parcels += jobs.back().parcels.size();
  }
  queue_->stop(seconds(0));
  open();
  until([&] { return ask(queue_->status()).ready; });
  std::vector<std::string> named = doubles.take();
  std::ranges::sort(named);
  EXPECT_EQ(named, (std::vector{flying.to_string(), waiting.to_string()}));
  std::filesystem::remove_all(folder);
}

TEST_F(QueueTest, StopWaitsForWhatIsUnderWay) {
  commit("x@a.test");
  const Job job = courier_->next();
  std::thread late([&] { answer(job, smtp::Verdict::Kind::accepted); });
  queue_->stop(seconds(60));
  late.join();
  EXPECT_EQ(store_.counters().delivered, 1);
  open();
}

}  // namespace
}  // namespace mail
