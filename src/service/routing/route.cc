#include "service/routing/route.h"

#include <utility>

#include "base/text.h"

namespace mail {

bool same_way(const Route& a, const Route& b) {
  return a.kind == b.kind && a.to == b.to && a.tls == b.tls && a.verify == b.verify &&
         a.source == b.source && a.helo == b.helo && a.port == b.port &&
         a.unix_path == b.unix_path && a.login.has_value() == b.login.has_value() &&
         (!a.login || a.login->user == b.login->user);
}

Routes::Routes() : mx_(std::make_shared<const Route>()) {}

Routes::Routes(std::map<std::string, std::shared_ptr<const Route>> by_recipient,
               std::map<std::string, std::shared_ptr<const Route>> by_sender)
    : by_recipient_(std::move(by_recipient)),
      by_sender_(std::move(by_sender)),
      mx_(std::make_shared<const Route>()) {}

const std::shared_ptr<const Route>& Routes::find(std::string_view recipient_domain,
                                                 std::string_view sender_domain) const {
  if (by_recipient_.empty() && by_sender_.empty()) return mx_;
  if (const auto found = by_recipient_.find(to_lower(recipient_domain));
      found != by_recipient_.end()) {
    return found->second;
  }
  if (const auto found = by_sender_.find(to_lower(sender_domain)); found != by_sender_.end()) {
    return found->second;
  }
  const auto any = by_recipient_.find("*");
  return any == by_recipient_.end() ? mx_ : any->second;
}

}  // namespace mail
