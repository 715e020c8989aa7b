// From the final dot to the commit: makes a Draft of what a session collected, has it judged and
// kept (design §2.3-5). One place decides where each recipient goes.
// Threads: the session's; the task resumes there. All references outlive the spool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/task.h"
#include "codec/smtp/server_session.h"
#include "service/directory/control_store.h"
#include "service/policy/verdict.h"
#include "service/store/mail_store.h"

namespace mail {

// Routes of the configuration, by recipient domain; until "Sending", hold and discard only.
enum class Route : std::uint8_t { hold, discard };
class Routes {
 public:
  Routes() = default;
  explicit Routes(std::unordered_map<std::string, Route> by_domain)
      : by_domain_(std::move(by_domain)) {}
  // Nothing: the domain has no route and there is no "*".
  std::optional<Route> find(const Domain& domain) const { return find(domain.text()); }
  std::optional<Route> find(const std::string& domain) const;  // in lower case

 private:
  std::unordered_map<std::string, Route> by_domain_;  // lower case; "*" for the default
};

class Spool {
 public:
  Spool(MailStore& store, ControlStore& control, JudgeChain& judges, const Clock& clock)
      : store_(store), control_(control), judges_(judges), clock_(clock) {}

  // The Received field for a message about to come in, for DataVerdict.
  std::string trace_fields(MessageId id, const smtp::SmtpListener& listener,
                           const smtp::Client& client, const smtp::Transaction& transaction) const;

  // `input` is given away whole; its last chunk is staged here, and what was staged is dropped
  // where the message is not accepted. `client` and `transaction` stay as they are until the answer
  // is there. Answers after the sync.
  Task<smtp::CommitVerdict> accept(MessageId id, std::shared_ptr<const smtp::SmtpListener> listener,
                                   const smtp::Client& client, const smtp::Transaction& transaction,
                                   std::shared_ptr<const Routes> routes, smtp::JudgeAndCommit input,
                                   std::uint32_t staged_chunks);

 private:
  Task<smtp::CommitVerdict::Kind> judge(const smtp::Client& client, Draft& draft);
  Task<smtp::CommitVerdict::Kind> stage_last(Draft& draft, std::string chunk);
  Task<smtp::CommitVerdict::Kind> commit(Draft& draft);

  MailStore& store_;
  ControlStore& control_;
  JudgeChain& judges_;
  const Clock& clock_;
};

}  // namespace mail
