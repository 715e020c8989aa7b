// A small world around the Scheduler: virtual time, DNS, hosts that fail in every way, a store in
// memory, crashes, a wall clock that jumps, an operator. All of it follows from one seed.
// It keeps its own book of what remote hosts have taken and of what was tried when, and compares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "service/queue/scheduler.h"
#include "service/queue/test_desk.h"
#include "service/store/model_mail_store.h"

namespace mail::queue {

// "d0.test" may become local.
class MovingPlacer final : public Placer {
 public:
  bool is_local(std::string_view domain) const override { return moved && domain == "d0.test"; }
  Placement place(const record::PendingDelivery& delivery, WallTime now) const override;
  bool moved = false;
};

class Simulator {
 public:
  struct Options {
    std::size_t messages = 20;
    bool crashes = true;
    bool clock_jumps = true;
    bool reloads = true;
    bool operators = true;
  };
  Simulator(std::uint64_t seed, Options options);
  ~Simulator();

  // Runs until everything has its end; what is wrong, or "".
  std::string run();

 private:
  struct Host {  // what stands behind a site
    enum class Mood : std::uint8_t { well, dead, resets, refuses_much, slow, picky };
    Mood mood = Mood::well;
  };
  struct Event {
    MonoTime at;
    std::uint64_t order = 0;
    std::uint64_t life = 0;  // of the process it belongs to; 0: of the world
    std::function<void()> work;
    bool operator>(const Event& other) const {
      return std::pair(at, order) > std::pair(other.at, other.order);
    }
  };
  struct Book {
    int taken = 0;    // times a remote host said 250
    int settled = 0;  // ... that are on disk
    int allowed = 1;  // one more for each crash in between
    WallTime since;
    WallTime last_try;  // the latest that began
  };
  using Address = std::pair<MessageId, std::string>;

  std::uint64_t dice(std::uint64_t below) { return random_() % below; }
  bool chance(unsigned percent) { return dice(100) < percent; }
  Now now() const { return {clock_.wall_now(), clock_.mono_now()}; }
  Milliseconds soon() { return Milliseconds(1 + static_cast<std::int64_t>(dice(400))); }
  template <typename T>
  T wait_for(Task<T> task) {
    return block_on(loop_, std::move(task));
  }
  void after(Milliseconds delay, std::function<void()> work, bool of_process = true);

  void boot();
  void crash();
  void act();
  void commit_message();
  void change_world();
  void operate();
  void lease(LeaseRows wanted);
  void resolve(const ResolveHosts& wanted);
  void send(Job job);
  void transact(const std::shared_ptr<Job>& job, std::size_t next);
  smtp::Verdict answer_of(const std::string& recipient, Host::Mood mood);
  void settle(std::vector<Outcome> outcomes);
  void check_expiry(const Outcome& outcome);
  void check_rows();
  void check_sums();
  std::shared_ptr<const Routes> make_routes();
  void trace(const std::string& what) const;
  void wrong(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  Options options_;
  std::mt19937_64 random_;
  ManualClock clock_;
  LoopExecutor loop_;
  ModelMailStore store_;
  DeskNotices notices_;
  MovingPlacer placer_;
  QueueSettings settings_;
  std::unique_ptr<Scheduler> scheduler_;
  std::uint64_t life_ = 1;
  std::vector<Event> events_;  // a heap
  std::uint64_t order_ = 0;
  std::map<std::string, Host> hosts_;           // by site
  std::map<std::string, int> dns_;              // by domain: 0 well, 1 fails, 2 refuses
  std::map<std::string, WallTime> failed_dns_;  // by domain: the latest failure
  std::map<std::string, WallTime> failed_site_;
  std::map<std::uint64_t, std::string> site_names_;
  std::map<Address, Book> book_;
  std::set<QueueKey> announced_;                          // committed, enqueued() still to come
  std::multiset<std::pair<QueueName, WallTime>> untold_;  // rows of a settlement under way
  bool tracing_ = false;
  std::size_t committed_ = 0;
  bool healed_ = false;
  std::string wrong_;
};

}  // namespace mail::queue
