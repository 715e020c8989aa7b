#include "service/spool/expansion.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/message/header_block.h"
#include "service/local/delivery.h"

namespace mail {
namespace {

std::string_view domain_of(std::string_view address) {
  return address.substr(address.rfind('@') + 1);
}

bool all_by_lists(const Resolution& resolution) {
  return !resolution.members.empty() &&
         std::ranges::none_of(resolution.members, [](const Resolution::Member& member) {
           return member.list_owner.empty();
         });
}

}  // namespace

void Expansion::add(const Mailbox& given, const Recipient& asked, std::string_view lane) {
  lane_ = lane;
  const Resolution resolution = directory_.resolve(given);
  // Local addresses are the same in any case; elsewhere the local part is not ours to judge
  // (RFC 5321 §2.4).
  const bool local = resolution.kind != Resolution::Kind::not_local;
  std::string as_given = given.to_string();
  if (!given_.emplace(local ? to_lower(as_given) : as_given).second) return;
  // Events name a recipient by one text from beginning to end.
  Recipient name = asked;
  name.address =
      resolution.members.empty() || resolution.expanded ? as_given : resolution.members[0].address;
  draft_.recipients.emplace_back(std::move(as_given), asked.notify, asked.original);
  draft_.events.front().recipients.push_back(name.address);
  switch (resolution.kind) {
    case Resolution::Kind::not_local:
      if (!place_elsewhere({name, draft_.reverse_path})) note_expanded(name.address, {});
      return;
    case Resolution::Kind::unknown_user:
      // It was somebody at RCPT, and the client has been told so: nothing may get lost.
      return join("user", "", Held{"the account was removed while the message came in"},
                  {name, draft_.reverse_path});
    case Resolution::Kind::taken:
      if (!resolution.members.empty()) return expand(name, resolution);
      return join("owner", "", Held{"the domain has no account yet"}, {name, draft_.reverse_path});
  }
}

void Expansion::expand(const Recipient& name, const Resolution& resolution) {
  const bool alone = resolution.members.size() == 1;
  bool any = false;
  std::vector<std::string> fresh;
  for (const Resolution::Member& member : resolution.members) {
    if (!place(member, final_of(member, name, alone))) continue;
    any = true;
    if (resolution.expanded) fresh.push_back(member.address);
  }
  if (resolution.expanded || !any) note_expanded(name.address, std::move(fresh));
  if (!name.notify.success) return;
  if (all_by_lists(resolution)) {
    // RFC 3461 §5.2.7.1: for its sender the message has arrived when the list has it.
    tell(record::NoticeKind::delivered, name, draft_.reverse_path, "2.0.0",
         "taken by the mailing list");
  } else if (!alone) {
    tell(record::NoticeKind::expanded, name, draft_.reverse_path, "2.0.0",
         "sent on to the members of the alias");
  }
}

Expansion::Final Expansion::final_of(const Resolution::Member& member, const Recipient& asked,
                                     bool alone) const {
  // RFC 5321 §3.9.2: what goes wrong behind a list is its owner's business. A notice stays one.
  if (!member.list_owner.empty()) {
    return {Recipient(member.address),
            draft_.reverse_path.empty() ? std::string() : member.list_owner};
  }
  Final out{{member.address, asked.notify, asked.original},
            member.account ? draft_.reverse_path : path_sent_on(asked.address)};
  if (!alone) out.recipient.notify.success = false;  // RFC 3461 §5.2.7.3 (c)
  return out;
}

// RFC 5321 §3.9.1 keeps the sender, whose SPF record does not know us: so it is written anew, at
// the domain the mail was for, unless the sender is ours.
std::string Expansion::path_sent_on(std::string_view alias) const {
  const std::string& sender = draft_.reverse_path;
  const Forwarding* forwarding = directory_.forwarding();
  if (forwarding == nullptr || sender.empty() || is_ours(domain_of(sender))) return sender;
  std::string_view domain = domain_of(alias);
  if (!is_ours(domain)) domain = directory_.domains().front().name;  // "Postmaster" alone
  return forwarding->rewrite(sender, domain).value_or(sender);
}

bool Expansion::is_ours(std::string_view domain) const {
  const Result<Domain> parsed = Domain::parse(domain);
  return parsed && directory_.is_local(*parsed);
}

bool Expansion::place(const Resolution::Member& member, Final recipient) {
  if (!member.account) return place_elsewhere(std::move(recipient));
  if (!accounts_.insert(*member.account).second) return false;
  if (has_been_at(member.address)) {
    // RFC 9228 §4: it comes back to where it was delivered already. security.md §3.
    bounce(std::move(recipient), "5.4.6",
           concat("the message was delivered to ", member.address,
                  " before and has come back: it goes round in a loop"));
  } else if (due() > draft_.received_at) {
    const std::string domain(domain_of(member.address));
    join("local", domain,
         ToRoute{.queue = {.route = "local", .domain = domain, .lane = lane_}, .due = due()},
         std::move(recipient));
  } else {
    put_into_mailbox(*member.account, std::move(recipient));
  }
  return true;
}

void Expansion::put_into_mailbox(AccountId account, Final recipient) {
  Delivery delivery =
      deliver_to_mailbox(account, recipient.recipient.address, recipient.reverse_path);
  if (recipient.recipient.notify.success) {
    tell(record::NoticeKind::delivered, recipient.recipient, recipient.reverse_path, "2.0.0",
         "delivered to the mailbox");
  }
  delivery.recipients.front() = std::move(recipient.recipient);
  draft_.deliveries.push_back(std::move(delivery));
}

bool Expansion::place_elsewhere(Final recipient) {
  const std::string address = recipient.recipient.address;
  if (!elsewhere_.emplace(address).second) return false;
  const std::string domain = to_lower(domain_of(address));
  const Route& route = *routes_.find(domain, domain_of(recipient.reverse_path));
  send_by(route, domain, std::move(recipient));
  return true;
}

void Expansion::send_by(const Route& route, const std::string& domain, Final recipient) {
  switch (route.kind) {
    case Route::Kind::hold:
      return join("hold", domain, Held{concat("the route of ", domain, " is hold")},
                  std::move(recipient));
    case Route::Kind::discard:
      return join("discard", domain, Discarded{concat("the route of ", domain, " is discard")},
                  std::move(recipient));
    case Route::Kind::local:
      // It never leaves, and nobody is there.
      return bounce(std::move(recipient), "5.1.2",
                    concat("mail for ", domain, " stays on this server, which has no such domain"));
    case Route::Kind::mx:
    case Route::Kind::smtp:
    case Route::Kind::lmtp:
      return join(
          "queue", domain,
          ToRoute{.queue = {.route = route.to, .domain = domain, .lane = lane_}, .due = due()},
          std::move(recipient));
  }
}

void Expansion::bounce(Final recipient, std::string_view status, std::string why) {
  tell(record::NoticeKind::failed, recipient.recipient, recipient.reverse_path, status, why);
  const std::string address = recipient.recipient.address;
  join("bounce", address, Bounced{std::move(why)}, std::move(recipient));
}

// Recipients of one fate, domain and reverse path share a delivery.
void Expansion::join(std::string_view fate, std::string_view domain, Target target,
                     Final recipient) {
  const std::string_view path = recipient.reverse_path;
  std::pmr::string group(&arena_);
  group.reserve(fate.size() + domain.size() + path.size() + 2);
  group.append(fate).append(1, ' ').append(domain).append(1, ' ').append(path);
  const auto [at, fresh] = groups_.try_emplace(std::move(group), draft_.deliveries.size());
  if (fresh) {
    draft_.deliveries.push_back({.target = std::move(target),
                                 .recipients = {},
                                 .reverse_path = std::move(recipient.reverse_path),
                                 .added_fields = {}});
  }
  draft_.deliveries[at->second].recipients.push_back(std::move(recipient.recipient));
}

void Expansion::note_expanded(const std::string& name, std::vector<std::string> members) {
  draft_.events.push_back({.message = draft_.id,
                           .kind = record::EventKind::expanded,
                           .at = draft_.received_at,
                           .recipient = name,
                           .recipients = std::move(members),
                           .facts = {}});
}

void Expansion::tell(record::NoticeKind kind, const Recipient& recipient,
                     std::string_view reverse_path, std::string_view status,
                     std::string_view words) {
  if (notices_ == nullptr) return;
  record::Notice notice;
  notice.message = draft_.id;
  notice.kind = kind;
  notice.at = draft_.received_at;
  notice.reverse_path = reverse_path;
  notice.recipient = recipient.address;
  notice.original = recipient.original;
  notice.status = status;
  notice.diagnostic = words;
  if (auto due = notices_->decide(std::move(notice), recipient, draft_.options)) {
    draft_.notices.push_back(std::move(*due));
  }
}

bool Expansion::has_been_at(std::string_view address) {
  if (!delivered_to_) {
    delivered_to_.emplace();
    const std::size_t header = std::min<std::size_t>(draft_.header_size, draft_.content.size());
    message::HeaderScanner fields(std::string_view(draft_.content).substr(0, header));
    for (message::HeaderField field; fields.next(&field);) {
      if (!iequals(field.name, "Delivered-To")) continue;
      delivered_to_->push_back(to_lower(message::unfold(field.value)));
    }
  }
  return std::ranges::find(*delivered_to_, address) != delivered_to_->end();
}

WallTime Expansion::due() const {
  return std::max(draft_.received_at, draft_.options.hold_until.value_or(draft_.received_at));
}

}  // namespace mail
