#include "service/outbound/sender.h"

#include <algorithm>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "base/executor.h"
#include "base/log.h"
#include "platform/tls/authorities.h"
#include "service/outbound/access_tokens.h"
#include "service/outbound/slot.h"

namespace mail {
namespace {

constexpr std::size_t kMaxBatch = 32;  // attempts told together

// A client that waits for our answer gives up after five minutes at RCPT and ten behind its final
// dot (RFC 5321 §4.5.3.2.3, §4.5.3.2.6); security.md 35.
SenderSettings impatient(SenderSettings settings) {
  settings.dial.patience = std::min(settings.dial.patience, Milliseconds{15'000});
  settings.timeouts.greeting = std::chrono::seconds(30);
  settings.timeouts.handshake = std::chrono::seconds(20);
  settings.timeouts.command = std::chrono::minutes(1);
  settings.timeouts.final_dot = std::chrono::minutes(5);
  return settings;
}

}  // namespace

struct Sender::Shared {
  MailStore& store;
  const Clock& clock;
  CourierEvents& events;
  SenderSettings settings;
  SenderSettings conversing;  // while a client waits
  std::shared_ptr<const tls::ClientContext> examining;
  std::shared_ptr<const tls::ClientContext> verifying;
  AccessTokens tokens;
};

// All but the constructor and wait_idle() runs on the thread.
class Sender::Desk final : public SlotHost {
 public:
  Desk(net::IoThread& thread, Shared& shared, std::size_t threads)
      : thread_(thread),
        shared_(shared),
        services_{thread,        shared.store,      shared.clock,
                  shared.tokens, *shared.examining, *shared.verifying},
        max_open_(std::max<std::size_t>(shared.settings.max_connections / threads, 1)) {}

  net::IoThread& thread() { return thread_; }
  std::unique_ptr<HopOpener> opener() {
    return std::make_unique<HopOpener>(services_, shared_.conversing);
  }
  void take(Job job);
  void begin_stop();
  void cut_all();
  bool wait_idle(Milliseconds at_most);

  void attempted(Attempt attempt) override;
  void job_done(Job job, std::size_t tried, std::optional<SiteTrouble> trouble) override;
  Task<void> connection_permit() override;
  void connection_gone() override;
  bool connection_wanted() const override { return !waiting_.empty(); }

 private:
  using Name = std::pair<std::uint64_t, std::uint32_t>;
  Task<void> serve(Name name);
  void flush();
  void look_if_idle();
  void report_if_idle();

  struct Permit {  // waits its turn
    Desk& desk;
    bool await_ready() const { return desk.open_ < desk.max_open_; }
    void await_suspend(std::coroutine_handle<> caller) { desk.waiting_.push_back(caller); }
    void await_resume() const {}
  };

  net::IoThread& thread_;
  Shared& shared_;
  const HopServices services_;
  const std::size_t max_open_;
  std::size_t open_ = 0;
  std::deque<std::coroutine_handle<>> waiting_;
  std::map<Name, std::unique_ptr<Slot>> slots_;
  TaskSet tasks_;
  std::vector<Attempt> batch_;
  bool flush_posted_ = false;
  bool look_posted_ = false;
  bool stopping_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool idle_ = false;
};

void Sender::Desk::take(Job job) {
  if (stopping_ || job.parcels.empty()) return job_done(std::move(job), 0, std::nullopt);
  const Name name{job.site, job.slot};
  auto& slot = slots_[name];
  if (slot != nullptr) return slot->give(std::move(job));
  slot = std::make_unique<Slot>(*this, services_, shared_.settings);
  slot->give(std::move(job));
  tasks_.spawn(serve(name));
}

Task<void> Sender::Desk::serve(Name name) {
  co_await slots_.at(name)->run();
  slots_.erase(name);
  if (stopping_) look_if_idle();  // later: this task still counts
}

// Told when the thread has done what is ready now: at once when little happens, together when much
// does.
void Sender::Desk::attempted(Attempt attempt) {
  batch_.push_back(std::move(attempt));
  if (batch_.size() >= kMaxBatch) return flush();
  if (std::exchange(flush_posted_, true)) return;
  thread_.post([this] {
    flush_posted_ = false;
    flush();
  });
}

void Sender::Desk::flush() {
  if (!batch_.empty()) shared_.events.attempted(std::exchange(batch_, {}));
}

void Sender::Desk::job_done(Job job, std::size_t tried, std::optional<SiteTrouble> trouble) {
  flush();
  const auto first = job.parcels.begin() + static_cast<std::ptrdiff_t>(tried);
  std::vector<Parcel> untried(std::make_move_iterator(first),
                              std::make_move_iterator(job.parcels.end()));
  shared_.events.job_done(job.site, job.slot, std::move(untried), std::move(trouble));
}

Task<void> Sender::Desk::connection_permit() {
  if (open_ >= max_open_) {
    const auto idle =
        std::ranges::find_if(slots_, [](const auto& each) { return each.second->is_idle(); });
    if (idle != slots_.end()) idle->second->end_idle();
  }
  while (open_ >= max_open_) co_await Permit{*this};
  ++open_;
}

void Sender::Desk::connection_gone() {
  --open_;
  if (waiting_.empty()) return;
  const std::coroutine_handle<> next = waiting_.front();
  waiting_.pop_front();
  thread_.post([next] { next.resume(); });
}

void Sender::Desk::begin_stop() {
  stopping_ = true;
  for (const auto& [name, slot] : slots_) slot->begin_stop();
  look_if_idle();
}

// Behind all that was posted before, and never twice: who is told idle may destroy us.
void Sender::Desk::look_if_idle() {
  if (std::exchange(look_posted_, true)) return;
  thread_.post([this] { report_if_idle(); });
}

void Sender::Desk::cut_all() {
  for (const auto& [name, slot] : slots_) slot->cut();
}

void Sender::Desk::report_if_idle() {
  look_posted_ = false;
  if (tasks_.size() != 0) return;
  flush();
  const std::lock_guard lock(mutex_);
  idle_ = true;
  changed_.notify_all();
}

bool Sender::Desk::wait_idle(Milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return idle_; });
}

Sender::Sender(std::vector<net::IoThread*> threads, std::unique_ptr<Shared> shared)
    : threads_(std::move(threads)), shared_(std::move(shared)) {
  for (net::IoThread* thread : threads_) {
    desks_.push_back(std::make_unique<Desk>(*thread, *shared_, threads_.size()));
  }
}

Sender::~Sender() { stop(); }

Result<std::unique_ptr<Sender>> Sender::make(std::vector<net::IoThread*> threads, MailStore& store,
                                             const Clock& clock, CourierEvents& events,
                                             SenderSettings settings) {
  MAIL_ASSERT(!threads.empty());
  // Security.md 44: port 25 takes any forward-secret suite, `verify` AEAD only.
  MAIL_TRY(const auto authorities, tls::Authorities::read(settings.ca_file));
  MAIL_TRY(auto examining, tls::ClientContext::make({.verify = false,
                                                     .examine = true,
                                                     .ca_file = {},
                                                     .suites = tls::Suites::forward_secret,
                                                     .authorities = authorities}));
  MAIL_TRY(auto verifying,
           tls::ClientContext::make({.verify = true, .ca_file = {}, .authorities = authorities}));
  std::filesystem::path ca_file = settings.ca_file;
  std::unique_ptr<Shared> shared(new Shared{store,
                                            clock,
                                            events,
                                            settings,
                                            impatient(settings),
                                            std::move(examining),
                                            std::move(verifying),
                                            {clock, std::move(ca_file)}});
  return std::unique_ptr<Sender>(new Sender(std::move(threads), std::move(shared)));
}

void Sender::send(Job job) {
  Desk& desk = *desks_[(job.site + job.slot) % desks_.size()];
  desk.thread().post([&desk, kept = std::move(job)]() mutable { desk.take(std::move(kept)); });
}

std::unique_ptr<HopOpener> Sender::opener(net::IoThread& thread) {
  const auto desk =
      std::ranges::find_if(desks_, [&](const auto& each) { return &each->thread() == &thread; });
  MAIL_ASSERT(desk != desks_.end());
  return (*desk)->opener();
}

void Sender::stop(Milliseconds grace) {
  if (std::exchange(stopped_, true)) return;
  for (const auto& desk : desks_) {
    desk->thread().post([&each = *desk] { each.begin_stop(); });
  }
  const auto until = std::chrono::steady_clock::now() + grace;
  for (const auto& desk : desks_) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(until - std::chrono::steady_clock::now());
    if (desk->wait_idle(std::max(left, Milliseconds{0}))) continue;
    std::promise<void> cut;
    desk->thread().post([&] {
      desk->cut_all();
      cut.set_value();
    });
    cut.get_future().wait();
    while (!desk->wait_idle(Milliseconds{60'000})) {
      log::warning("outbound.stop_waits", {{"for", "a login or a read from the store"}});
    }
  }
}

}  // namespace mail
