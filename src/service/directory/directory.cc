#include "service/directory/directory.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/text.h"

namespace mail {
namespace {

constexpr int kMaxAliasDepth = 10;

// RFC 5321 §4.5.1 demands postmaster, RFC 2142 the others.
bool is_always_taken(std::string_view local_part) {
  return iequals(local_part, "postmaster") || iequals(local_part, "abuse") ||
         iequals(local_part, "root");
}

// Addresses here come from Mailbox::key(): the last '@' is the one before the domain.
std::string_view local_part_of(std::string_view address) {
  return address.substr(0, address.rfind('@'));
}
std::string_view domain_of(std::string_view address) {
  return address.substr(address.rfind('@') + 1);
}

}  // namespace

Directory::Directory(std::vector<DomainRow> domains, std::vector<AccountRow> accounts,
                     std::vector<AliasRow> aliases)
    : accounts_(std::move(accounts)) {
  auto names = std::make_shared<Names>();
  names->domains = std::move(domains);
  names->aliases = std::move(aliases);
  std::unordered_map<std::string_view, std::size_t> positions;
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    positions.emplace(accounts_[i].address, i);
    names->owner_index.try_emplace(std::string(domain_of(accounts_[i].address)), i);  // the oldest
    has_cram_md5_ |= !accounts_[i].cram_md5.empty();
  }
  for (std::size_t i = 0; i < names->domains.size(); ++i) {
    const DomainRow& domain = names->domains[i];
    names->domain_index.emplace(domain.name, i);
    const auto named = positions.find(domain.owner);
    if (named != positions.end()) {
      names->owner_index[domain.name] = named->second;
    } else {
      names->missing_owners.emplace(domain.owner, i);
    }
  }
  for (std::size_t i = 0; i < names->aliases.size(); ++i) {
    names->alias_index.emplace(names->aliases[i].address, i);
  }
  names_ = std::move(names);
}

std::optional<Directory> Directory::with(AccountRow account) const {
  const bool first_of_its_domain = !names_->owner_index.contains(domain_of(account.address));
  if (first_of_its_domain || names_->missing_owners.contains(account.address) ||
      names_->missing_owners.contains("")) {
    return std::nullopt;
  }
  Directory next = *this;
  next.has_cram_md5_ |= !account.cram_md5.empty();
  next.accounts_ = accounts_.with(std::move(account));
  return next;
}

bool Directory::is_local(const Domain& domain) const {
  return names_->domain_index.contains(domain.text());
}

const AliasRow* Directory::find_alias(const std::string& address) const {
  const auto found = names_->alias_index.find(address);
  return found == names_->alias_index.end() ? nullptr : &names_->aliases[found->second];
}

const AccountRow* Directory::account(std::string_view address) const {
  return find_account(to_lower(address));
}

const AccountRow* Directory::account(AccountId id) const { return accounts_.find(id); }

const AliasRow* Directory::alias(std::string_view address) const {
  return find_alias(to_lower(address));
}

const AccountRow* Directory::account_without_tag(std::string_view address) const {
  const std::size_t plus = local_part_of(address).find('+');
  if (plus == std::string_view::npos || plus == 0) return nullptr;
  return find_account(concat(address.substr(0, plus), '@', domain_of(address)));
}

const AccountRow* Directory::owner_of(std::string_view domain) const {
  const auto found = names_->owner_index.find(domain);
  return found == names_->owner_index.end() ? nullptr : &accounts_[found->second];
}

// Level by level, so that each address is expanded once, at its least depth: the work is linear in
// the aliases whatever they point at. Who is reached in several ways belongs to the shortest.
void Directory::expand(std::string address, Resolution::Members& members) const {
  struct Named {
    std::string_view address;
    std::string_view list_owner;
  };
  std::unordered_set<std::string> seen;
  std::unordered_set<AccountId> accounts;
  std::vector<Named> level{{address, {}}};
  for (int depth = 0; depth <= kMaxAliasDepth && !level.empty(); ++depth) {
    std::vector<Named> next;
    for (const auto& [named, owner_before] : level) {
      const auto add = [&](const std::string& as, const AccountRow& row) {
        if (!accounts.insert(row.id).second) return;
        members.push_back({as, row.id, std::string(owner_before)});
      };
      const auto open = [&](const AliasRow& row) {
        for (const std::string& member : row.members) {
          next.push_back({member, row.is_list() ? std::string_view(row.owner) : owner_before});
        }
      };
      const std::string_view domain = domain_of(named);
      const bool local = names_->domain_index.contains(domain);
      const std::string member = local ? to_lower(named) : std::string(named);
      if (!seen.insert(member).second) continue;
      if (!local) {
        members.push_back({member, std::nullopt, std::string(owner_before)});
      } else if (const AccountRow* row = find_account(member)) {
        add(member, *row);
      } else if (const AliasRow* list = find_alias(member)) {
        open(*list);
      } else if (const AccountRow* plain = account_without_tag(member)) {
        add(member, *plain);
      } else if (const AccountRow* owner = owner_of(domain);
                 owner != nullptr && is_always_taken(local_part_of(member))) {
        add(owner->address, *owner);
      } else if (const AliasRow* catch_all = find_alias(concat('@', domain))) {
        open(*catch_all);
      }
    }
    level = std::move(next);
  }
}

// Who is here by that very name goes before: nobody's mail is taken away.
std::optional<std::string> Directory::rewritten_sender(const Mailbox& recipient) const {
  if (forwarding_ == nullptr || find_alias(recipient.key()) != nullptr) return std::nullopt;
  return forwarding_->sender_behind(recipient);
}

Resolution Directory::resolve(const Mailbox& recipient) const {
  Resolution resolution;
  const std::string given = recipient.key();
  std::string address = given;
  resolution.always_taken = is_always_taken(recipient.local_part);
  if (recipient.domain.empty()) {
    // RFC 5321 §4.5.1: "Postmaster" alone is taken, even before there is a domain.
    if (!resolution.always_taken) return resolution;
    resolution.kind = Resolution::Kind::taken;
    if (names_->domains.empty()) return resolution;
    append(address, '@', names_->domains.front().name);
  } else if (!is_local(recipient.domain)) {
    resolution.kind = Resolution::Kind::not_local;
    resolution.always_taken = false;
    return resolution;
  }
  if (const AccountRow* row = find_account(address)) {  // nearly always
    resolution.members.push_back({address, row->id, {}});
  } else if (std::optional<std::string> sender = rewritten_sender(recipient)) {
    expand(*std::move(sender), resolution.members);
    resolution.rewritten = true;
  } else {
    expand(address, resolution.members);
  }
  if (resolution.always_taken && resolution.members.empty()) {  // an alias that leads nowhere
    if (const AccountRow* owner = owner_of(domain_of(address))) {
      resolution.members.push_back({owner->address, owner->id, {}});
    }
  }
  if (resolution.always_taken || !resolution.members.empty()) {
    resolution.kind = Resolution::Kind::taken;
  }
  resolution.expanded = !resolution.members.empty() &&
                        (resolution.members.size() > 1 || resolution.members[0].address != given);
  return resolution;
}

namespace {

bool is_granted(const AccountRow& account, const std::string& address) {
  const auto has = [&account](const std::string& pattern) {
    return std::ranges::binary_search(account.send_as, pattern);
  };
  if (account.send_as.empty()) return false;  // nearly always
  return has(address) || has(concat("*@", domain_of(address)));
}

}  // namespace

bool Directory::may_send_as(std::string_view login, const Mailbox& sender) const {
  const AccountRow* self = account(login);
  if (self == nullptr) return false;
  const std::string address = sender.key();
  if (is_granted(*self, address)) return true;
  if (const AccountRow* named = find_account(address)) return named == self;
  if (const AliasRow* list = find_alias(address)) {
    return !list->is_list() && list->members.size() == 1 &&
           iequals(list->members[0], self->address);
  }
  return account_without_tag(address) == self;
}

}  // namespace mail
