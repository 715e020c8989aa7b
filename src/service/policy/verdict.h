// What judges say of a client, a recipient or a whole message (design §2.4).
//
// A Judge is one voice for the whole server; for each connection it may open a Hearing, which keeps
// what that judge learns of it. A Trial is all hearings of one connection, asked in their order.
// Threads: a judge is asked to open() on any I/O thread; a hearing lives on its connection's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/task.h"
#include "codec/address/address.h"
#include "codec/mailauth/findings.h"
#include "codec/smtp/server_session.h"
#include "service/store/draft.h"

namespace mail {

struct Accept {
  std::string added_fields;  // whole fields, each ending in CRLF
  std::vector<std::string> tags;
  std::string folder;  // "" = INBOX; "Junk" is a folder like any other
};
struct Hold {
  std::string reason;
};  // kept aside until an operator releases it
struct Discard {
  std::string reason;
};
// `reason` is for the log. `reply` is what the client is told behind the code, one line of
// printable ASCII; empty: the words of the catalogue (codec/smtp/replies.h).
struct Defer {
  std::string reason;
  std::string reply = {};
  std::string status = "4.7.1";  // of `reply`, behind 451
};
struct Reject {
  std::string reason;
  std::string reply = {};
  std::string status = "5.7.1";  // of `reply`, behind 550
};
using Verdict = std::variant<Accept, Hold, Discard, Defer, Reject>;

// A Reject or Defer as it is told: what is sent, which says `trace` too, and why for the log.
// `catalogue`: the reply where the judge has no words of its own, code first.
struct RefusalWords {
  bool permanent = false;
  smtp::PolicyWords words;
  std::string reason;
};
RefusalWords words_of(const Verdict& verdict, std::string_view trace, std::string_view catalogue);

// Speaks against a message, or for it where the weight is negative. Weights are points; what they
// come to is for the judge that decides (service/door).
struct Signal {
  std::string name;  // "dnsbl zen.example", "spf fail", "rspamd"
  double weight = 0;
  std::string reason = {};  // a sentence, for the log and the reply
};

// What the judges of one transaction have learnt and tell each other.
struct Evidence {
  std::vector<Signal> signals;
  std::shared_ptr<const mailauth::Findings> findings;  // null: nobody has examined it (yet)
  double score() const;
};

// What a hearing may look at; outlives it. `evidence` begins anew with each transaction, but for
// the signals of the connection, which stay.
struct Case {
  const smtp::SmtpListener& listener;
  const smtp::Client& client;            // empty `helo` until it said HELO
  const smtp::Transaction& transaction;  // of the moment
  Evidence& evidence;
  // Neither in [relay] networks nor logged in: what strangers are asked, friends are spared.
  bool stranger() const { return client.login.empty() && !client.peer.may_relay; }
};

// One judge hears one connection. Each hook has a default that accepts. None may block its thread;
// one that has nothing to wait for returns Task<>::ended(), which costs no coroutine.
// A hearing may be thrown away at any time between two hooks.
class Hearing {
 public:
  virtual ~Hearing() = default;
  // False: sender() and recipient() need not be called. Where no hearing wants them, the session
  // answers at once.
  virtual bool hears_envelope() const { return true; }
  virtual Task<Verdict> sender(const ReversePath& path);
  virtual Task<Verdict> recipient(const Mailbox& recipient);
  // The header block as it came, without the trace fields we add, the empty line not included;
  // then the body, in pieces cut anywhere, while it streams. Both may wait, to slow the client.
  virtual Task<void> header(std::string_view block);
  virtual Task<void> body(std::string_view piece);
  // All of it was heard. `draft` may be changed in its header block only, before any later judge
  // sees it: content, header_size and size go together (service/policy/header_change.h).
  virtual Task<Verdict> message(Draft& draft);
  // RSET, refusal or the end: what was heard since sender() is over. Also behind message(), and
  // where sender() was refused by another judge before this one was asked.
  virtual void end_transaction();
};

class Judge {
 public:
  virtual ~Judge() = default;
  // Null: this judge has nothing to say here. `of` outlives the hearing.
  virtual std::unique_ptr<Hearing> open(const Case& of) = 0;
};

// The hearings of one connection. The first Reject, Defer or Discard ends a question; Hold wins
// over Accept; fields and tags of Accepts add up, the last folder named counts.
class Trial {
 public:
  // A trial without hearings accepts.
  Trial(const std::vector<Judge*>& judges, const smtp::SmtpListener& listener,
        const smtp::Client& client, const smtp::Transaction& transaction);
  Trial(const Trial&) = delete;  // hearings look at what it holds
  Trial& operator=(const Trial&) = delete;
  bool empty() const { return hearings_.empty(); }
  bool hears_envelope() const { return hears_envelope_; }

  Task<Verdict> sender(const ReversePath& path);
  Task<Verdict> recipient(const Mailbox& recipient);
  Task<void> header(std::string_view block);
  Task<void> body(std::string_view piece);
  Task<Verdict> message(Draft& draft);
  void end_transaction();

  const Evidence& evidence() const { return evidence_; }

 private:
  Evidence evidence_;
  Case case_;
  std::size_t signals_of_connection_ = 0;
  bool hears_envelope_ = false;
  std::vector<std::unique_ptr<Hearing>> hearings_;
};

}  // namespace mail
