#include "service/spool/expansion.h"

#include "base/text.h"
#include "service/local/delivery.h"

namespace mail {

void Expansion::add(const Mailbox& given) {
  const Resolution resolution = directory_.resolve(given);
  // Local addresses are the same in any case; elsewhere the local part is not ours to judge
  // (RFC 5321 §2.4).
  const bool local = resolution.kind != Resolution::Kind::not_local;
  std::string as_given = given.to_string();
  if (!given_.insert(local ? to_lower(as_given) : as_given).second) return;
  // Events name a recipient by one text from beginning to end.
  const std::string name =
      resolution.members.empty() || resolution.expanded ? as_given : resolution.members[0].address;
  draft_.recipients.push_back(std::move(as_given));
  draft_.events.front().recipients.push_back(name);
  switch (resolution.kind) {
    case Resolution::Kind::not_local:
      if (!place_elsewhere(name)) note_expanded(name, {});
      return;
    case Resolution::Kind::unknown_user:
      // It was somebody at RCPT, and the client has been told so: nothing may get lost.
      return set_aside(Fate::held, "the account was removed while the message came in", name);
    case Resolution::Kind::taken:
      if (!resolution.members.empty()) return expand(name, resolution);
      return set_aside(Fate::held, "the domain has no account yet", name);
  }
}

void Expansion::expand(const std::string& name, const Resolution& resolution) {
  std::vector<std::string> fresh;
  for (const Resolution::Member& member : resolution.members) {
    if (place(member)) fresh.push_back(member.address);
  }
  if (resolution.expanded || fresh.empty()) note_expanded(name, std::move(fresh));
}

bool Expansion::place(const Resolution::Member& member) {
  if (!member.account) return place_elsewhere(member.address);
  if (!accounts_.insert(*member.account).second) return false;
  draft_.deliveries.push_back(
      deliver_to_mailbox(*member.account, member.address, draft_.reverse_path));
  return true;
}

bool Expansion::place_elsewhere(const std::string& address) {
  if (!elsewhere_.insert(address).second) return false;
  const std::string domain = to_lower(address.substr(address.rfind('@') + 1));
  const std::optional<Route> route = routes_.find(domain);
  if (!route) {
    // A member of an alias; at RCPT itself such an address is refused.
    set_aside(Fate::held, concat("no route to ", domain, " until sending is configured"), address);
  } else if (*route == Route::hold) {
    set_aside(Fate::held, concat("the route of ", domain, " is hold"), address);
  } else {
    set_aside(Fate::discarded, concat("the route of ", domain, " is discard"), address);
  }
  return true;
}

void Expansion::set_aside(Fate fate, std::string reason, const std::string& recipient) {
  const auto [at, fresh] = aside_.try_emplace({fate, std::move(reason)}, draft_.deliveries.size());
  if (fresh) {
    const std::string& why = at->first.second;
    draft_.deliveries.push_back(
        {.target = fate == Fate::held ? Target(Held{why}) : Target(Discarded{why}),
         .recipients = {},
         .reverse_path = draft_.reverse_path,
         .added_fields = {}});
  }
  draft_.deliveries[at->second].recipients.push_back(recipient);
}

void Expansion::note_expanded(const std::string& name, std::vector<std::string> members) {
  draft_.events.push_back({.message = draft_.id,
                           .kind = record::EventKind::expanded,
                           .at = draft_.received_at,
                           .recipient = name,
                           .recipients = std::move(members),
                           .facts = {}});
}

}  // namespace mail
