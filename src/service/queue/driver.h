// The inside of Queue: what runs on the queue's thread. Private to this folder.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"
#include "platform/net/io_thread.h"
#include "service/queue/in_flight.h"
#include "service/queue/queue.h"
#include "service/queue/scheduler.h"

namespace mail {

// A waiting or held delivery that an operator's filter found, with what its bounce would need.
struct FoundDelivery {
  std::variant<QueuedDelivery, HeldDelivery> row;
  MailOptions options;
};

class Queue::Impl {
 public:
  struct JobDone {
    std::uint64_t site = 0;
    std::uint32_t slot = 0;
    std::vector<Parcel> untried;
    std::optional<SiteTrouble> trouble;
  };
  using News = std::variant<Enqueued, std::vector<Attempt>, JobDone, QueueWorld>;

  Impl(QueueParts parts, QueueWorld world);

  void start(Courier& courier);
  void stop(Milliseconds grace);
  void tell(News news);  // any thread

  Task<Result<std::vector<QueueRow>>> list(QueueFilter filter);
  enum class Verb : std::uint8_t { retry, hold, release, bounce };
  Task<Result<QueueChange>> change(Verb verb, QueueFilter filter, std::string reason);
  Task<QueueStatus> status();

 private:
  // Suspends until resume_all(); on the queue's thread.
  class Waiters {
   public:
    struct Wait {
      Waiters& waiters;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> caller) { waiters.handles_.push_back(caller); }
      void await_resume() const {}
    };
    Wait wait() { return {*this}; }
    void resume_all();

   private:
    std::vector<std::coroutine_handle<>> handles_;
  };
  class Verbs;  // counts a verb while it runs here

  queue::Now now() const;
  void drain();
  void run();
  void perform(queue::Actions actions);
  void take_news(News news);
  void tick();
  void check_stopped();

  Task<void> name_doubles();
  Task<void> learn();
  Task<void> lease(queue::LeaseRows wanted);
  Task<queue::LeasedRows> read_rows(queue::LeaseRows wanted);
  Task<void> resolve(queue::ResolveHosts wanted);
  Task<void> settle(std::vector<Outcome> outcomes);
  Task<Result<void>> settle_each(std::vector<Outcome> outcomes);
  Task<void> name_mail(std::vector<Outcome>* outcomes);
  Task<void> flushed();
  void send(Job job);
  void came_back(const std::vector<Parcel>& untried);
  void are_settled(const std::vector<Outcome>& outcomes);
  void tell_notices(const std::vector<Outcome>& outcomes);
  static void log_ends(const std::vector<Outcome>& outcomes);

  // queue_verbs.cc
  Task<Result<std::vector<FoundDelivery>>> find(QueueFilter filter);
  Task<Result<QueueChange>> change_here(Verb verb, QueueFilter filter, std::string reason);
  Task<Result<void>> find_queued(const QueueFilter& filter, std::vector<FoundDelivery>* found);
  Task<Result<void>> add_options(std::vector<FoundDelivery>* found);
  QueueRow row_of(const FoundDelivery& found) const;
  bool settles(const FoundDelivery& found) const;  // what became of it is being written
  bool change_queued(Verb verb, const queue::Loaded& load, const std::string& reason);
  Outcome change_held(Verb verb, const HeldDelivery& held, const MailOptions& options,
                      const std::string& reason);

  QueueParts parts_;
  QueueWorld world_;
  Courier* courier_ = nullptr;
  net::IoThread thread_;
  TaskSet tasks_;
  queue::Scheduler scheduler_;
  std::optional<queue::InFlightFile> in_flight_;  // opened by start()
  Waiters ticks_;
  Waiters patience_;  // of patient leases: until a tick, or the stop
  Waiters settlements_;
  std::uint64_t settlements_done_ = 0;
  std::chrono::nanoseconds patient_work_{0};  // that leases took since one waited
  bool running_ = false;
  bool again_ = false;
  bool learned_ = false;
  std::size_t verbs_ = 0;
  bool stopping_ = false;
  bool out_of_patience_ = false;  // the grace of stop() is over

  std::mutex mutex_;
  std::condition_variable stopped_;
  std::vector<News> news_;
  std::size_t news_content_ = 0;  // octets of mail in it
  bool told_ = false;             // drain() is posted
  bool idle_ = false;             // all has come back: stop() may go on
};

}  // namespace mail
