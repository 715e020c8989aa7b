// What the commands of `mailwright auth` share. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"
#include "codec/mailauth/findings.h"
#include "codec/mailauth/inquiry.h"
#include "daemon/ctl/auth.h"
#include "daemon/ctl/auth_message.h"
#include "platform/resolver/unbound_resolver.h"

namespace mail::ctl::auth {

struct Command {
  const cli::Invocation& line;
  const Settings* settings;  // may be null
  const Clock& clock;
};

// The DNS of one command: what --zone has, or the network. Tasks run within block_on().
class Dns {
 public:
  static Expected<std::unique_ptr<Dns>> open(const Command& command);
  ~Dns();  // ends the questions that nobody waits for
  Dns(const Dns&) = delete;
  Dns& operator=(const Dns&) = delete;

  dns::Resolver& resolver() { return *resolver_; }
  template <typename T>
  T wait(Task<T> task) {
    return block_on(loop_, std::move(task));
  }

 private:
  Dns();
  LoopExecutor loop_;
  std::unique_ptr<dns::Resolver> resolver_;
  dns::UnboundResolver* network_ = nullptr;  // the same, where it is that
};

// Where a message is said to have come from.
struct Origin {
  IpAddress client;
  std::string helo;
  ReversePath path;
};
// Nothing without --ip. Refused where --helo or --mail-from is missing then.
Expected<std::optional<Origin>> parse_origin(const Command& command);
Expected<Domain> parse_domain(std::string_view text);
Expected<IpAddress> parse_ip(const Command& command);
std::string authserv_id(const Command& command);  // --authserv-id, else the name of this host

Expected<mailauth::Findings> examine(const Command& command, Dns& dns, const MessageFile& message,
                                     const Origin& origin);

// Runs an evaluator to its end over the DNS; 20 s for each round of questions.
template <typename Evaluator>
Task<void> run_to_end(Evaluator& evaluator, dns::Resolver& resolver, const Clock& clock) {
  while (!evaluator.questions().empty()) {
    std::vector<dns::Answer> answers;
    const std::vector<mailauth::Question> questions = evaluator.questions();
    for (const mailauth::Question& question : questions) {
      const MonoTime deadline = clock.mono_now() + std::chrono::seconds(20);
      answers.push_back(co_await resolver.ask(question.name, question.type, deadline));
    }
    evaluator.answer(std::move(answers));
  }
}

Answer print(std::string_view text);
// Breaks at blanks into lines of at most `width` columns; those after the first begin with `indent`
// blanks.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 100);

Answer check(const Command& command);
Answer sign(const Command& command);
Answer seal(const Command& command);
Answer spf(const Command& command);
Answer dmarc(const Command& command);

}  // namespace mail::ctl::auth
