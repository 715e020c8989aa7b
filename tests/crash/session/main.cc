// mail_session_model N   plays N random sequences to the pure SMTP session and to the model of it;
//                        MAIL_SEED=n begins with that seed, and so repeats a finding with N = 1
// Prints what it reached in one line. A finding: its seed, what differs, and the sequence without
// what it does not need.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <span>
#include <thread>

#include "base/text.h"
#include "play.h"

namespace {

using namespace mail;
using namespace mail::model;

// Hands out seeds to the threads, and collects.
class Round {
 public:
  Round(std::uint64_t first, std::uint64_t count) : next_(first), end_(first + count) {}

  void work() {
    constexpr std::uint64_t kShare = 256;
    Figures figures;
    while (!found_) {
      const std::uint64_t begin = next_.fetch_add(kShare);
      for (std::uint64_t seed = begin; seed < std::min(begin + kShare, end_) && !found_; ++seed) {
        const Script script = make_script(seed);
        const std::string trouble = play(script, figures);
        if (!trouble.empty()) report(seed, script, trouble);
      }
      if (begin + kShare >= end_) break;
    }
    const std::lock_guard lock(mutex_);
    figures_.add(figures);
  }

  bool found() const { return found_; }
  const Figures& figures() const { return figures_; }

 private:
  void report(std::uint64_t seed, const Script& script, std::string_view trouble) {
    const std::lock_guard lock(mutex_);
    if (found_.exchange(true)) return;
    const Script least = shrink(script);
    Figures ignored;
    std::cout << "MAIL_SEED=" << seed << ": the session " << trouble << "\nshrunk, the session "
              << play(least, ignored) << "\n"
              << describe(least);
  }

  std::atomic<std::uint64_t> next_;
  const std::uint64_t end_;
  std::atomic<bool> found_ = false;
  std::mutex mutex_;
  Figures figures_;
};

// A run that never gets anywhere proves nothing.
bool far_enough(const Figures& figures) {
  constexpr std::uint64_t kFew = 100'000;
  if (figures.sequences < kFew) return true;
  constexpr std::size_t kKinds = 60;
  bool far = figures.kinds.size() >= kKinds && figures.staged > 0 &&
             figures.upgrades > figures.sequences / 20 && figures.logins > figures.sequences / 20;
  for (const auto& of_role : figures.accepted) {
    for (const std::uint64_t accepted : of_role) far = far && accepted > figures.sequences / 100;
  }
  return far;
}

}  // namespace

int main(int count, char** values) {
  const std::span<char*> arguments(values, static_cast<std::size_t>(count));
  const auto sequences = count == 2 ? parse_number(arguments[1]) : std::nullopt;
  if (!sequences || *sequences == 0) {
    std::cerr << "usage: mail_session_model N\n";
    return 64;
  }
  const char* const given = std::getenv("MAIL_SEED");
  const auto seed = given != nullptr ? parse_number(given) : std::nullopt;
  Round round(seed.value_or(std::random_device()()), *sequences);
  std::vector<std::thread> threads(std::max(1U, std::thread::hardware_concurrency()));
  for (std::thread& thread : threads) thread = std::thread([&round] { round.work(); });
  for (std::thread& thread : threads) thread.join();
  const Figures& figures = round.figures();
  std::uint64_t accepted = 0;
  for (const auto& of_role : figures.accepted) {
    for (const std::uint64_t each : of_role) accepted += each;
  }
  std::cout << figures.sequences << " sequences, " << figures.replies << " replies of "
            << figures.kinds.size() << " kinds, " << accepted << " messages taken, "
            << figures.refused << " refused, " << figures.staged << " chunks staged, "
            << figures.upgrades << " times STARTTLS, " << figures.logins << " logins" << std::endl;
  if (round.found()) return 1;
  if (far_enough(figures)) return 0;
  std::cout << "too little was reached: look at script.cc" << std::endl;
  return 1;
}
