// From recipients as given at RCPT to deliveries: the one place that decides where each goes, and
// that counts them. Each final recipient gets the message once, however many ways lead to it; every
// replacement is an `expanded` event, so that the sums of security.md 17 hold.
// One message, one thread; all references outlive it.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "codec/address/address.h"
#include "service/directory/directory.h"
#include "service/spool/spool.h"
#include "service/store/draft.h"

namespace mail {

class Expansion {
 public:
  // The draft has its reverse path; its first event is `received`. Both get what add() finds.
  Expansion(const Directory& directory, const Routes& routes, Draft& draft)
      : directory_(directory), routes_(routes), draft_(draft) {}
  void add(const Mailbox& given);

 private:
  enum class Fate : std::uint8_t { held, discarded };

  void expand(const std::string& name, const Resolution& resolution);
  bool place(const Resolution::Member& member);  // false: it has the message already
  bool place_elsewhere(const std::string& address);
  void set_aside(Fate fate, std::string reason, const std::string& recipient);
  void note_expanded(const std::string& name, std::vector<std::string> members);

  const Directory& directory_;
  const Routes& routes_;
  Draft& draft_;
  std::set<std::string> given_;
  std::set<AccountId> accounts_;
  std::set<std::string> elsewhere_;
  std::map<std::pair<Fate, std::string>, std::size_t> aside_;  // -> draft_.deliveries
};

}  // namespace mail
