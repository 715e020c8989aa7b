// The store's side of the queue, without network: enqueues small deliveries over many queues,
// reopens the store, leases and settles them all, and says how fast, and how much memory it took.
//   bench_queue --directory DIR [--messages 1000000] [--queues 10000] [--size 600]
//               [--kind queue|held] [--only-enqueue] [--no-reopen] [--batch 100]
// DIR must not hold a store. Prints a line of progress per tenth and a table at the end; ends with
// status 1 when a sum is wrong. What counts as memory is the resident set of this process, which
// holds nothing but the store.
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/text.h"
#include "service/store/rocks_mail_store.h"

namespace {

using Mono = std::chrono::steady_clock;

struct Options {
  std::filesystem::path directory;
  std::uint64_t messages = 1'000'000;
  std::uint64_t queues = 10'000;
  std::size_t size = 600;  // of the content; in the envelope up to 1 KiB
  std::size_t batch = 100;
  bool held = false;
  bool only_enqueue = false;
  bool no_reopen = false;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_queue: %s\n", why.c_str());
  std::exit(2);
}

Options parse_options(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--only-enqueue") {
      options.only_enqueue = true;
      continue;
    }
    if (name == "--no-reopen") {
      options.no_reopen = true;
      continue;
    }
    if (i + 1 == count) die("no value for " + std::string(name));
    const std::string_view value = arguments[++i];
    const auto number = [&] { return std::strtoull(std::string(value).c_str(), nullptr, 10); };
    if (name == "--directory")
      options.directory = value;
    else if (name == "--messages")
      options.messages = number();
    else if (name == "--queues")
      options.queues = number();
    else if (name == "--size")
      options.size = number();
    else if (name == "--batch")
      options.batch = number();
    else if (name == "--kind" && (value == "queue" || value == "held"))
      options.held = value == "held";
    else
      die("unknown option " + std::string(name));
  }
  if (options.directory.empty()) die("--directory is needed");
  if (options.batch == 0 || options.queues == 0) die("--batch and --queues are at least 1");
  if (std::filesystem::exists(options.directory / "mail")) die("there is a store already");
  return options;
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double seconds_since(Mono::time_point begin) {
  return std::chrono::duration<double>(Mono::now() - begin).count();
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  int run() {
    open();
    enqueue();
    if (options_.only_enqueue || options_.held) return report();
    if (!options_.no_reopen) reopen("reopened, full");
    drain();
    if (!options_.no_reopen) reopen("reopened, empty");
    return report();
  }

 private:
  struct Row {
    std::string what;
    std::uint64_t count;
    double seconds;
    double mib;
  };

  template <typename T>
  T wait(mail::Task<T> task) {
    return mail::block_on(loop_, std::move(task));
  }

  void open() {
    auto opened = mail::RocksMailStore::open(options_.directory, clock_);
    if (!opened) die(mail::describe(opened.error()));
    store_ = std::move(*opened);
  }

  mail::QueueName queue_of(std::uint64_t number) const {
    return {"mx", mail::concat("domain", number % options_.queues, ".test"), ""};
  }

  mail::Draft draft(std::uint64_t number) {
    mail::Draft made;
    made.id = store_->next_id();
    made.received_at = clock_.wall_now();
    made.reverse_path = "news@sender.test";
    made.content = "From: news@sender.test\r\nSubject: news\r\n\r\n";
    made.header_size = static_cast<std::uint32_t>(made.content.size());
    made.content.resize(std::max(options_.size, made.content.size()), 'x');
    made.size = made.content.size();
    const mail::QueueName queue = queue_of(number);
    const std::string recipient = mail::concat("reader", number, "@", queue.domain);
    made.recipients = {recipient};
    mail::Target target = mail::ToRoute{queue, made.received_at};
    if (options_.held) target = mail::Held{"bench"};
    made.deliveries.push_back({std::move(target), {recipient}, made.reverse_path, ""});
    return made;
  }

  void progress(const char* what, std::uint64_t done, Mono::time_point begin) const {
    const std::uint64_t tenth = std::max<std::uint64_t>(options_.messages / 10, 1);
    if (done / tenth == (done - std::min<std::uint64_t>(done, step_)) / tenth) return;
    std::printf("%s %llu of %llu, %.0f/s, %.0f MiB\n", what, static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(options_.messages),
                static_cast<double>(done) / seconds_since(begin), resident_mib());
    std::fflush(stdout);
  }

  void enqueue() {
    const Mono::time_point begin = Mono::now();
    for (std::uint64_t done = 0; done < options_.messages; done += step_) {
      step_ = std::min<std::uint64_t>(options_.batch, options_.messages - done);
      std::vector<mail::Draft> drafts;
      for (std::uint64_t i = 0; i < step_; ++i) drafts.push_back(draft(done + i));
      const auto kept = wait(store_->commit(drafts));
      if (!kept) die(mail::describe(kept.error()));
      progress("enqueued", done + step_, begin);
    }
    rows_.push_back({options_.held ? "held" : "enqueued", options_.messages, seconds_since(begin),
                     resident_mib()});
  }

  // Ready: open, and the first delivery of the first queue in hand; then every queue by name.
  void reopen(const char* what) {
    store_.reset();
    Mono::time_point begin = Mono::now();
    open();
    const auto first = wait(store_->queues({}, 1)).value();
    if (!first.empty()) static_cast<void>(lease(first[0].queue, {}, 1));
    rows_.push_back({what, first.size(), seconds_since(begin), resident_mib()});
    begin = Mono::now();
    std::uint64_t queues = 0;
    std::optional<mail::QueueName> after;
    for (;;) {
      const auto page = wait(store_->queues(after, 1000)).value();
      if (page.empty()) break;
      queues += page.size();
      after = page.back().queue;
    }
    rows_.push_back({"  every queue by name", queues, seconds_since(begin), resident_mib()});
  }

  std::vector<mail::QueuedDelivery> lease(const mail::QueueName& queue,
                                          std::optional<mail::QueueKey> after, std::size_t limit) {
    auto leased = wait(store_->lease(queue, std::move(after), clock_.wall_now(), limit));
    if (!leased) die(mail::describe(leased.error()));
    return std::move(*leased);
  }

  // Queue by queue, a page of each in turn, as due times come: never a queue at once.
  void drain() {
    const Mono::time_point begin = Mono::now();
    std::vector<std::optional<mail::QueueKey>> after(options_.queues);
    std::uint64_t done = 0;
    step_ = 0;
    std::vector<mail::Outcome> outcomes;
    for (bool some = true; some;) {
      some = false;
      for (std::uint64_t i = 0; i < options_.queues; ++i) {
        auto leased = lease(queue_of(i), after[i], 20);
        if (leased.empty()) continue;
        some = true;
        after[i] = leased.back().key;
        for (mail::QueuedDelivery& one : leased) outcomes.push_back(delivered(std::move(one)));
        if (outcomes.size() < options_.batch) continue;
        done += settle(outcomes);
        progress("settled", done, begin);
      }
    }
    done += settle(outcomes);
    if (done != options_.messages) die(mail::concat("settled ", done));
    rows_.push_back({"leased and settled", done, seconds_since(begin), resident_mib()});
  }

  mail::Outcome delivered(mail::QueuedDelivery one) const {
    mail::Outcome outcome;
    outcome.place = std::move(one.key);
    outcome.at = clock_.wall_now();
    outcome.attempts = 1;
    outcome.recipients.push_back({.recipient = one.delivery.recipients.at(0).recipient.address,
                                  .kind = mail::RecipientOutcome::Kind::delivered,
                                  .facts = {{"host", "mx.test"}, {"reply", "250 2.0.0 ok"}},
                                  .reason = "",
                                  .notice = std::nullopt});
    return outcome;
  }

  std::uint64_t settle(std::vector<mail::Outcome>& outcomes) {
    step_ = outcomes.size();
    const auto settled = wait(store_->settle(std::exchange(outcomes, {})));
    if (!settled) die(mail::describe(settled.error()));
    return step_;
  }

  int report() const {
    std::printf("\n%-24s %10s %10s %12s %10s\n", "what", "count", "seconds", "each/s", "MiB");
    for (const Row& row : rows_) {
      std::printf("%-24s %10llu %10.3f %12.0f %10.0f\n", row.what.c_str(),
                  static_cast<unsigned long long>(row.count), row.seconds,
                  row.seconds > 0 ? static_cast<double>(row.count) / row.seconds : 0.0, row.mib);
    }
    const mail::Counters counters = store_->counters();
    const auto all = static_cast<std::int64_t>(options_.messages);
    const bool drained = !options_.only_enqueue && !options_.held;
    const bool right = counters.accepted == all &&
                       (drained ? counters.delivered == all
                                : (options_.held ? counters.held : counters.queued) == all);
    if (!right) std::fprintf(stderr, "bench_queue: the sums are wrong\n");
    return right ? 0 : 1;
  }

  const Options options_;
  mail::SystemClock clock_;
  mail::LoopExecutor loop_;
  std::unique_ptr<mail::RocksMailStore> store_;
  std::vector<Row> rows_;
  std::uint64_t step_ = 0;  // deliveries in the last batch
};

}  // namespace

int main(int count, char** arguments) { return Bench(parse_options(count, arguments)).run(); }
