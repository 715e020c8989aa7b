#include "platform/resolver/unbound_resolver.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/text.h"
#include "platform/resolver/context.h"
#include "platform/resolver/known_answers.h"

namespace mail::dns {
namespace {

constexpr int kClassIn = 1;
constexpr int kNxDomain = 3;  // RFC 1035 §4.1.1

std::string without_dot(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  return std::string(name);
}

std::string text_of_rcode(int rcode) {
  switch (rcode) {
    case 1:
      return "FORMERR from its server";
    case 2:
      return "SERVFAIL: no server of its zone gave a usable answer";
    case 5:
      return "REFUSED by its server";
    default:
      return concat("rcode ", rcode);
  }
}

Answer failed(std::string_view name, std::string why) {
  Answer answer;
  answer.canonical_name = without_dot(name);
  answer.why = std::move(why);
  return answer;
}

Answer not_asked(std::string_view name, int status) {
  Answer answer = failed(name, ::ub_strerror(status));
  if (status == UB_SYNTAX) answer.kind = Answer::Kind::no_name;  // no zone can have such a name
  return answer;
}

Answer to_answer(const ub_result& result) {
  const char* const canonical = result.canonname != nullptr ? result.canonname : result.qname;
  if (result.bogus != 0) {
    Answer answer = failed(canonical, result.why_bogus != nullptr ? result.why_bogus : "bogus");
    answer.bogus = true;
    return answer;
  }
  if (result.rcode != 0 && result.rcode != kNxDomain) {
    return failed(canonical, text_of_rcode(result.rcode));
  }
  Answer answer;
  answer.kind = result.rcode == kNxDomain ? Answer::Kind::no_name : Answer::Kind::no_data;
  answer.secure = result.secure != 0;
  answer.canonical_name = without_dot(canonical);
  answer.ttl = std::chrono::seconds(std::max(result.ttl, 0));
  if (result.havedata == 0) return answer;
  answer.kind = Answer::Kind::found;
  for (std::size_t i = 0; result.data[i] != nullptr; ++i) {
    answer.records.emplace_back(result.data[i], static_cast<std::size_t>(result.len[i]));
  }
  return answer;
}

}  // namespace

// Everything but `known_`, `inbox_`, `latest_` and `stopping_` belongs to the thread.
class UnboundResolver::Impl {
 public:
  struct Query;
  // In the frame of the coroutine that waits.
  struct Waiter {
    std::string name;
    Type type;
    MonoTime deadline;
    Executor* home = nullptr;
    std::coroutine_handle<> caller{};
    Query* query = nullptr;
    Answer answer{};
  };
  struct Query {
    Impl* owner;
    std::string name;
    Type type;
    std::vector<Waiter*> waiters{};
  };

  static Result<std::unique_ptr<Impl>> open(const UnboundOptions& options) {
    MAIL_TRY(Context context, open_context(options));
    const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0) {
      return fail(Errc::io_error, concat("eventfd: ", std::generic_category().message(errno)));
    }
    ::fcntl(::ub_fd(context.get()), F_SETFD, FD_CLOEXEC);
    return std::unique_ptr<Impl>(new Impl(std::move(context), wake, !options.servers.empty()));
  }

  ~Impl() {
    stop();
    context_.reset();  // joins libunbound's thread, so nobody knows our queries any more
    ::close(wake_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // False: it stops, nothing was taken.
  bool submit(Waiter* waiter) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      inbox_.push_back(waiter);
    }
    wake();
    return true;
  }

  void hurry(Milliseconds within) {
    {
      const std::lock_guard lock(mutex_);
      latest_ = MonoTime::clock::now() + within;
    }
    wake();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    known_.close();
    wake();
    if (thread_.joinable()) thread_.join();
  }

  bool forwards() const { return forwards_; }

  // On the thread that asks.
  std::optional<Answer> known(const std::string& name, Type type) {
    return known_.find(key_of(name, type), MonoTime::clock::now());
  }

 private:
  using Key = KnownAnswers::Key;
  static Key key_of(const std::string& name, Type type) {
    return {to_lower(without_dot(name)), type};
  }

  Impl(Context context, int wake, bool forwards)
      : context_(std::move(context)), wake_(wake), forwards_(forwards) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(thread_.native_handle(), "mw-dns");
  }

  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);  // full is awake too
  }

  void run() {
    while (take_inbox()) {
      start_ready();
      sweep();
      wait();
    }
    for (auto& [key, query] : queries_)
      complete(query, failed(query.name, "the server is stopping"));
  }

  // False when it is time to stop; what came in before is then among the queries.
  bool take_inbox() {
    std::vector<Waiter*> news;
    MonoTime latest;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      news.swap(inbox_);
      latest = latest_;
      stopping = stopping_;
    }
    bring_forward(latest);
    for (Waiter* const waiter : news) {
      waiter->deadline = std::min(waiter->deadline, latest);
      add(waiter);
    }
    return !stopping;
  }

  void bring_forward(MonoTime latest) {
    while (!deadlines_.empty() && std::prev(deadlines_.end())->first > latest) {
      auto last = deadlines_.extract(std::prev(deadlines_.end()));
      last.key() = last.mapped()->deadline = latest;
      deadlines_.insert(std::move(last));
    }
  }

  void add(Waiter* waiter) {
    Key key = key_of(waiter->name, waiter->type);
    const auto [at, fresh] = queries_.try_emplace(key, Query{this, key.first, key.second});
    if (fresh) ready_.push_back(std::move(key));
    waiter->query = &at->second;
    at->second.waiters.push_back(waiter);
    deadlines_.emplace(waiter->deadline, waiter);
  }

  void start_ready() {
    while (!ready_.empty() && running_ < kMaxRunning) {
      const auto at = queries_.find(ready_.front());
      ready_.pop_front();
      Query& query = at->second;
      if (query.waiters.empty()) {  // too late for all who asked
        queries_.erase(at);
        continue;
      }
      const int status =
          ::ub_resolve_async(context_.get(), query.name.c_str(), static_cast<int>(query.type),
                             kClassIn, &query, &Impl::on_answer, nullptr);
      if (status == UB_NOERROR) {
        ++running_;
        continue;
      }
      complete(query, not_asked(query.name, status));
      queries_.erase(at);
    }
  }

  static void on_answer(void* data, int status, ub_result* result) {
    Query& query = *static_cast<Query*>(data);
    Impl& self = *query.owner;
    --self.running_;
    const bool answered = status == UB_NOERROR && result != nullptr;
    const Answer answer = answered ? to_answer(*result) : not_asked(query.name, status);
    ::ub_resolve_free(result);
    const Key key(query.name, query.type);
    self.known_.keep(key, answer, MonoTime::clock::now());
    self.complete(query, answer);
    self.queries_.erase(key);
  }

  void complete(Query& query, const Answer& answer) {
    for (Waiter* const waiter : query.waiters) {
      const auto [first, last] = deadlines_.equal_range(waiter->deadline);
      deadlines_.erase(
          std::find_if(first, last, [&](const auto& row) { return row.second == waiter; }));
      hand_over(waiter, answer);
    }
    query.waiters.clear();
  }

  static void hand_over(Waiter* waiter, Answer answer) {
    waiter->answer = std::move(answer);
    waiter->home->post([caller = waiter->caller] { caller.resume(); });
  }

  // libunbound goes on with a question that nobody waits for: its answer, or the knowledge that a
  // server is dead, is worth having, and the next equal question joins in.
  void sweep() {
    const MonoTime now = MonoTime::clock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
      Waiter* const waiter = deadlines_.begin()->second;
      deadlines_.erase(deadlines_.begin());
      std::erase(waiter->query->waiters, waiter);
      hand_over(waiter, failed(waiter->name, "no answer in time"));
    }
  }

  void wait() {
    int timeout = -1;
    if (!deadlines_.empty()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first -
                                                                     MonoTime::clock::now());
      timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }
    std::array<pollfd, 2> files{{{wake_, POLLIN, 0}, {::ub_fd(context_.get()), POLLIN, 0}}};
    if (::poll(files.data(), files.size(), timeout) <= 0) return;  // time, or a signal
    if (files[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto taken = ::read(wake_, &count, sizeof count);
    }
    if (files[1].revents != 0) ::ub_process(context_.get());
  }

  KnownAnswers known_;
  std::mutex mutex_;
  std::vector<Waiter*> inbox_;
  MonoTime latest_ = MonoTime::max();  // see hurry()
  bool stopping_ = false;

  Context context_;
  int wake_;
  bool forwards_;
  std::map<Key, Query> queries_;  // asked or ready to be; a Query stays where it is
  std::deque<Key> ready_;
  std::multimap<MonoTime, Waiter*> deadlines_;
  int running_ = 0;
  std::thread thread_;
};

namespace {

template <typename Impl>
struct Asking {
  Impl& impl;
  typename Impl::Waiter waiter;
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> caller) {
    waiter.home = Executor::current();
    MAIL_ASSERT(waiter.home != nullptr);
    waiter.caller = caller;
    if (impl.submit(&waiter)) return true;
    waiter.answer = failed(waiter.name, "the server is stopping");
    return false;
  }
  Answer await_resume() { return std::move(waiter.answer); }
};

}  // namespace

UnboundResolver::UnboundResolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnboundResolver::~UnboundResolver() = default;

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::open(const UnboundOptions& options) {
  MAIL_TRY(std::unique_ptr<Impl> impl, Impl::open(options));
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(impl)));
}

Task<Answer> UnboundResolver::ask(std::string name, Type type, MonoTime deadline) {
  if (std::optional<Answer> known = impl_->known(name, type)) co_return *std::move(known);
  Asking<Impl> asking{*impl_, {std::move(name), type, deadline}};
  co_return co_await asking;
}

Task<Probe> UnboundResolver::probe(MonoTime deadline) {
  const Answer answer = co_await ask(".", Type::ns, deadline);
  Probe probe;
  probe.works = answer.kind == Answer::Kind::found;
  probe.validates = probe.works && answer.secure;
  const std::string why =
      answer.kind == Answer::Kind::failed ? answer.why : "the root has no servers";
  const std::string_view what = impl_->forwards() ? "forwarding" : "recursion";
  if (probe.works) {
    probe.sentence =
        concat("DNS: ", what, " works, DNSSEC ",
               probe.validates ? "validates" : "does not validate: no answer is secure");
  } else if (answer.bogus) {
    probe.sentence =
        concat("DNS: ", what, " works, but the root does not pass DNSSEC validation: ", answer.why,
               "; is the clock right, and [dns] trust_anchor?");
  } else if (impl_->forwards()) {
    probe.sentence = concat("DNS: forwarding does not work: ", why,
                            "; do the [dns] servers answer, and for the root too?");
  } else {
    probe.sentence = concat("DNS: recursion does not work: no answer from root servers (",
                            answer.why, "); set [dns] servers or open UDP/TCP 53 outgoing");
  }
  co_return probe;
}

void UnboundResolver::hurry(Milliseconds within) { impl_->hurry(within); }
void UnboundResolver::stop() { impl_->stop(); }

}  // namespace mail::dns
