// A program beside us that judges mail over a socket: how it is reached, how many connections it is
// given at once, how long it is waited for, and what becomes of mail when it is away.
//
// One that hangs costs each message its whole time. So when it was waited for in vain
// kMissesUntilGivenUp times in a row, it is taken for away at once for kGivenUpFor; then one
// message tries again, while the others still go on without it.
//
// Threads: any; a Line lives on the I/O thread on which it was opened.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/smtp/listener.h"
#include "platform/net/stream.h"
#include "service/policy/verdict.h"

namespace mail {

inline constexpr std::uint32_t kMissesUntilGivenUp = 5;
inline constexpr std::chrono::seconds kGivenUpFor{30};
// To be connected, where its time is longer: it is on this machine, or near.
inline constexpr std::chrono::seconds kMaxConnecting{5};

struct NeighbourSettings {
  std::string name;               // "clamd", "milter 127.0.0.1:8891": for the log and tags
  std::string address;            // "127.0.0.1:3310", or the path of a socket
  Milliseconds timeout{30'000};   // for each thing it is asked
  bool accept_when_away = false;  // and tag; else 451
  std::uint32_t connections = 100;
  std::vector<smtp::Role> roles;  // of the listeners it hears
  std::uint64_t max_size = 0;     // of messages it is given; only where they are scanned whole
};

class Neighbour {
 public:
  // `clock` outlives it.
  Neighbour(NeighbourSettings settings, const Clock& clock)
      : settings_(std::move(settings)), clock_(clock) {}
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  const NeighbourSettings& settings() const { return settings_; }
  bool hears(const smtp::SmtpListener& listener) const;
  MonoTime deadline() const { return clock_.mono_now() + settings_.timeout; }
  // What becomes of mail that it could not be asked about.
  Verdict away(const Error& error) const;
  // The server stops: nobody waits for it any longer than `within`. Any thread.
  void hurry(Milliseconds within) { latest_ = clock_.mono_now() + within; }

  // One connection; it counts as long as it lives. At most one wait at a time.
  class Line {
   public:
    ~Line();
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    Task<Result<void>> send(std::string bytes, MonoTime deadline);
    // What has come, at least one octet; valid until the thread waits again.
    Task<Result<std::string_view>> receive(MonoTime deadline);
    void send_now(std::string_view bytes);  // as much as goes without waiting; a goodbye

   private:
    friend class Neighbour;
    enum class For : std::uint8_t { reading, writing };
    Line(Neighbour& neighbour, net::Stream stream, bool is_trial)
        : neighbour_(neighbour),
          stream_(std::move(stream)),
          era_(neighbour.era_),
          is_trial_(is_trial) {}
    Task<Result<void>> wait(For what, MonoTime deadline);

    Neighbour& neighbour_;
    net::Stream stream_;
    const std::uint32_t era_;  // of the neighbour, when it was opened
    bool is_trial_;            // whether it is back; not yet known
  };
  // On an I/O thread. Fails with overloaded where all connections are in use, unavailable while it
  // is given up, else as net::connect.
  Task<Result<std::unique_ptr<Line>>> open(MonoTime deadline);

 private:
  enum class Entry : std::uint8_t { open, trial, shut };
  Entry entry();
  Error given_up() const;
  void note_miss();
  void note_answer();

  const NeighbourSettings settings_;
  const Clock& clock_;
  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> misses_{0};           // in a row
  std::atomic<std::uint32_t> era_{0};              // so often it was given up
  std::atomic<MonoTime> next_try_;                 // while it is given up
  std::atomic<MonoTime> latest_{MonoTime::max()};  // see hurry()
};

// A judge that asks a neighbour.
class NeighbourJudge : public Judge {
 public:
  void hurry(Milliseconds within) { neighbour_.hurry(within); }

 protected:
  NeighbourJudge(NeighbourSettings settings, const Clock& clock)
      : neighbour_(std::move(settings), clock) {}
  Neighbour neighbour_;
};

}  // namespace mail
