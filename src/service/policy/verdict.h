// What a judge says of a client, a recipient or a whole message (design §2.4), and the chain of
// them.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/task.h"
#include "codec/address/address.h"
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
struct Defer {
  std::string reason;
};  // 451 4.3.0
struct Reject {
  std::string reason;
};  // 550 5.7.1
using Verdict = std::variant<Accept, Hold, Discard, Defer, Reject>;

// One voice in the chain. Each hook has a default that accepts. `draft` may be changed before the
// commit only through the fields of Accept. Called on the session's thread; must not block it.
class Judge {
 public:
  virtual ~Judge() = default;
  virtual Task<Verdict> sender(const smtp::Client& client, const ReversePath& path);
  virtual Task<Verdict> recipient(const smtp::Client& client, const smtp::Transaction& transaction,
                                  const Mailbox& recipient);
  virtual Task<Verdict> message(const smtp::Client& client, Draft& draft);
};

// Asks its judges in order. The first Reject, Defer or Discard ends it; Hold wins over Accept;
// fields and tags of Accepts add up, the last folder named counts. Empty: Accept.
class JudgeChain {
 public:
  explicit JudgeChain(std::vector<Judge*> judges = {}) : judges_(std::move(judges)) {}
  bool empty() const { return judges_.empty(); }
  Task<Verdict> sender(const smtp::Client& client, const ReversePath& path);
  Task<Verdict> recipient(const smtp::Client& client, const smtp::Transaction& transaction,
                          const Mailbox& recipient);
  Task<Verdict> judge(const smtp::Client& client, Draft& draft);

 private:
  std::vector<Judge*> judges_;  // not owned; outlive the chain
};

}  // namespace mail
