// dns::Resolver over libunbound: own recursion with cache and DNSSEC validation, or forwarders.
// One context per process. A thread of its own ("mw-dns") starts questions, keeps their deadlines
// and posts each answer to the executor that asked; libunbound has one more. Equal questions in
// flight share one. TTLs, negative answers too, are kept by libunbound's cache; what was asked
// before is answered on the thread that asks (known_answers.h).
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/resolver.h"
#include "base/result.h"
#include "base/task.h"
#include "platform/resolver/options.h"

namespace mail::dns {

struct Probe {
  bool works = false;
  bool validates = false;
  std::string sentence;  // for the log at start-up: what works, or what to do
};

class UnboundResolver final : public Resolver {
 public:
  // Fails with invalid_argument or io_error; the detail names option and file.
  static Result<std::unique_ptr<UnboundResolver>> open(const UnboundOptions& options);
  // Every task that awaits ask() must have ended; stop() sees to that.
  ~UnboundResolver() override;

  // A question past its deadline is `failed`; libunbound goes on with it, for its cache. A name
  // that cannot be one (a label too long) is `no_name`.
  Task<Answer> ask(std::string name, Type type, MonoTime deadline) override;

  // Asks for the root's servers: does the DNS answer, and does it validate?
  Task<Probe> probe(MonoTime deadline);

  // From now on no question waits longer than until `within` from now: who stops has no time for
  // silent servers. From any thread.
  void hurry(Milliseconds within);
  // Answers `failed` to all questions that wait and to all that come. From any thread, once.
  void stop();

 private:
  class Impl;
  explicit UnboundResolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail::dns
