// VRFY and EXPN (RFC 5321 §3.5): off unless the listener says otherwise, and then for people we
// know only. Who exists is what spammers ask (RFC 5321 §7.3).
#include <algorithm>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

namespace {
constexpr std::size_t kMaxNamed = std::size_t{32} << 10;  // octets of addresses in one reply
}

bool ServerSession::may_look_up() const {
  return !client_.login.empty() || client_.peer.address.is_loopback();
}

void ServerSession::on_vrfy(std::string_view argument) {
  if (is_junk()) return;
  if (!listener_->offers_vrfy() || !may_look_up()) return send(kNotVerified);
  ask_lookup(argument, false);
}

void ServerSession::on_expn(std::string_view argument) {
  if (is_junk()) return;
  if (!listener_->offers_expn() || !may_look_up()) return refuse(kExpnOff);
  ask_lookup(argument, true);
}

// RFC 6531 §3.7.4.2: whether it stands behind the name, which it is taken off then.
bool ServerSession::take_smtputf8(std::string_view& argument) const {
  const std::size_t blank = argument.find_last_of(" \t");
  if (!listener_->smtputf8 || blank == std::string_view::npos) return false;
  if (!iequals(argument.substr(blank + 1), "SMTPUTF8")) return false;
  argument = trim(argument.substr(0, blank));
  return true;
}

void ServerSession::ask_lookup(std::string_view argument, bool expand) {
  asked_utf8_ = take_smtputf8(argument);
  if (argument.starts_with('<') && argument.ends_with('>')) {
    argument = argument.substr(1, argument.size() - 2);
  }
  if (argument.empty()) return refuse(kBadArguments);
  asked_list_ = expand;
  ask(Waiting::lookup, AskLookup{std::string(argument), expand});
}

void ServerSession::answer(const LookupVerdict& verdict) {
  if (!answered(Waiting::lookup)) return;
  using Kind = LookupVerdict::Kind;
  std::string named;
  const bool tellable = asked_utf8_ || std::ranges::all_of(verdict.addresses, is_ascii);
  if (!tellable) {
    send(kNamedInUtf8);
    return settle();
  }
  if (verdict.kind == Kind::found) append_addresses(named, "250", "2.1.5", verdict.addresses);
  if (verdict.kind == Kind::ambiguous) append_addresses(named, "553", "5.1.4", verdict.addresses);
  switch (verdict.kind) {
    case Kind::found:
    case Kind::ambiguous:
      if (named.empty() || named.size() > kMaxNamed) {
        send(named.empty() ? kNotVerified : kListTooLong);
      } else {
        out_.append(named);
      }
      break;
    case Kind::unknown:
      refuse(kUnknownUser);
      break;
    case Kind::elsewhere:
      if (asked_list_) {
        refuse(kNoList);
      } else {
        send(kNotVerified);
      }
      break;
    case Kind::no_list:
      refuse(kNoList);
      break;
  }
  settle();
}

}  // namespace mail::smtp
