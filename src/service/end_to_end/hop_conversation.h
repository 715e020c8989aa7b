// What one client's session has to say to next hops while the client waits (end-to-end mode,
// security.md 22): a connection made at the first RCPT, kept for the next transaction that goes the
// same way. Lives on the session's I/O thread and is used by its task; cut() by others on that
// thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/task.h"
#include "codec/smtp/passed_reply.h"
#include "codec/smtp/server_session.h"
#include "platform/net/io_thread.h"
#include "service/end_to_end/next_hops.h"
#include "service/outbound/hop_connection.h"
#include "service/outbound/hop_opener.h"
#include "service/routing/route.h"
#include "service/store/draft.h"

namespace mail {

class HopConversation {
 public:
  using RecipientAnswer = std::variant<smtp::RecipientVerdict, smtp::PassedReply>;
  struct Outcome {
    std::variant<smtp::CommitVerdict::Kind, smtp::PassedReply> answer;
    std::vector<record::Fact> facts;  // of the event, where the hop took the message
    bool taken() const {
      const auto* reply = std::get_if<smtp::PassedReply>(&answer);
      return reply != nullptr && reply->is_accepted();
    }
  };

  // `hops` and `thread` outlive it.
  HopConversation(NextHops& hops, net::IoThread& thread, std::shared_ptr<const Routes> routes)
      : hops_(hops), thread_(thread), routes_(std::move(routes)) {}

  // Recipients of `transaction` are those that were answered 2yz; not a local one.
  Task<RecipientAnswer> recipient(const smtp::Transaction& transaction, Mailbox recipient);
  // Whether the hop can be given what the client declared (RFC 6152 §3).
  bool fits_content() const { return !eight_bit_refused_; }
  // The draft stays whole. The hop's last word, or why there is none.
  Task<Outcome> send(const Draft& draft);
  // The client has begun another transaction, or given the last one up.
  void begin_transaction();
  Task<void> end();
  void cut();

 private:
  bool leads_there(const Route& route, const Domain& domain) const;
  Task<std::optional<RecipientAnswer>> connect(std::shared_ptr<const Route> route, Domain domain);
  Task<void> hang_up();
  Task<void> leave_mail();
  void begin_mail(const smtp::Transaction& transaction);
  Outcome outcome_of(const smtp::Verdict& verdict, const HopConnection::Sent& sent,
                     MessageId message) const;

  NextHops& hops_;
  net::IoThread& thread_;
  std::shared_ptr<const Routes> routes_;

  std::unique_ptr<HopOpener> opener_;
  std::unique_ptr<HopConnection> connection_;
  std::shared_ptr<const Route> route_;  // of the connection
  std::optional<Domain> domain_;        // likewise, by MX
  bool cut_ = false;

  bool mail_open_ = false;  // MAIL was said, and neither content nor leave()
  bool stale_ = false;      // and the client has given it up
  bool eight_bit_refused_ = false;
  std::vector<Recipient> given_;            // RCPT was said, whatever the answer
  std::optional<std::size_t> first_taken_;  // of them
};

}  // namespace mail
