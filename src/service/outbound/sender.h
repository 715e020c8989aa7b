// Carries mail to next hops, on all I/O threads: slot s of a site lives on thread (site + s) modulo
// their number, so that one smarthost uses every core. send() from any thread; it never blocks.
// The threads, store, clock and events outlive it; the threads run until stop() has returned.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "platform/net/io_thread.h"
#include "service/outbound/courier.h"
#include "service/outbound/hop_opener.h"
#include "service/store/mail_store.h"

namespace mail {

class Sender final : public Courier {
 public:
  // Fails where the authorities' certificates can not be read.
  static Result<std::unique_ptr<Sender>> make(std::vector<net::IoThread*> threads, MailStore& store,
                                              const Clock& clock, CourierEvents& events,
                                              SenderSettings settings);
  ~Sender() override;  // stop()

  void send(Job job) override;
  // For a transaction in steps, while somebody waits for its answers (end-to-end mode), on one of
  // the threads. It and its connections go before the Sender; they count towards no limit.
  std::unique_ptr<HopOpener> opener(net::IoThread& thread);

  // Idle connections end; transactions under way have `grace` to do so, then they are cut. Every
  // job has been told done when it returns; what comes later comes back untried.
  void stop(Milliseconds grace = Milliseconds{10'000});

 private:
  class Desk;  // the slots of one thread
  struct Shared;
  Sender(std::vector<net::IoThread*> threads, std::unique_ptr<Shared> shared);

  std::vector<net::IoThread*> threads_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Desk>> desks_;
  bool stopped_ = false;
};

}  // namespace mail
