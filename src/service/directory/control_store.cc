#include "service/directory/control_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"
#include "platform/sql/database.h"
#include "service/directory/control_rows.h"
#include "service/directory/control_schema.h"

namespace mail {
namespace {

std::unexpected<Error> no_domain(std::string_view name) {
  return fail(Errc::not_found, concat("no domain ", name,
                                      " here: add it first with 'mailwright "
                                      "domain add ",
                                      name, "'"));
}

std::unexpected<Error> is_an_alias(std::string_view address) {
  return fail(Errc::already_exists, concat(address,
                                           " is an alias: remove it first with "
                                           "'mailwright alias remove ",
                                           address, "'"));
}

Result<void> require_local(const Mailbox& address, const Directory& directory) {
  if (address.domain.empty()) {
    return fail(Errc::invalid_argument, concat(address.local_part,
                                               " has no domain: give the whole "
                                               "address, like ",
                                               address.local_part, "@yahoo.test"));
  }
  if (!directory.is_local(address.domain)) return no_domain(address.domain.text());
  return {};
}

Result<Mailbox> parse_address(const std::string& text) {
  Result<Mailbox> mailbox = Mailbox::parse(text);
  if (mailbox && !mailbox->domain.empty()) return mailbox;
  return fail(Errc::invalid_argument,
              concat("'", text, "' is no mail address", mailbox ? ": its domain is missing" : ": ",
                     mailbox ? "" : mailbox.error().detail));
}

// The owner to be written down for a new domain: "", an account, or one still to come in it.
Result<std::string> owner_for(const Domain& domain, const std::string& owner,
                              const Directory& directory) {
  if (owner.empty()) return std::string();
  MAIL_TRY(const Mailbox mailbox, parse_address(owner));
  if (directory.account(mailbox.key()) != nullptr || mailbox.domain == domain) {
    return mailbox.key();
  }
  return fail(Errc::not_found, concat("the owner ", mailbox.key(),
                                      " is no account here: name one, "
                                      "or an address of ",
                                      domain.text(), " to be added next"));
}

struct AliasName {
  std::string address;
  Domain domain;
};
Result<AliasName> parse_alias(const std::string& text) {
  if (text.starts_with('@')) {
    const Result<Domain> domain = Domain::parse(std::string_view(text).substr(1));
    if (!domain) {
      return fail(Errc::invalid_argument, concat("'", text,
                                                 "' is no catch-all, which is written "
                                                 "@yahoo.test: ",
                                                 domain.error().detail));
    }
    return AliasName{concat('@', domain->text()), *domain};
  }
  MAIL_TRY(const Mailbox mailbox, parse_address(text));
  return AliasName{mailbox.key(), mailbox.domain};
}

// Members as they are kept, each once; local ones in lower case, and known.
Result<std::vector<std::string>> parse_members(const std::string& alias,
                                               const std::vector<std::string>& members,
                                               const Directory& directory) {
  std::vector<std::string> out;
  for (const std::string& text : members) {
    MAIL_TRY(const Mailbox mailbox, parse_address(text));
    const std::string key = mailbox.key();
    if (key == alias) {
      return fail(Errc::invalid_argument, concat("the alias ", alias,
                                                 " cannot be its own member: "
                                                 "name where its mail shall go"));
    }
    if (directory.resolve(mailbox).kind == Resolution::Kind::unknown_user) {
      return fail(Errc::not_found, concat("the member ", key,
                                          " is nobody here: add it first with "
                                          "'mailwright account add ",
                                          key,
                                          "', or check its "
                                          "spelling"));
    }
    // Whether case matters in a local part is for the host to say whose it is (RFC 5321 §2.4).
    std::string member = directory.is_local(mailbox.domain) ? key : mailbox.to_string();
    if (std::ranges::find(out, member) == out.end()) out.push_back(std::move(member));
  }
  if (out.empty()) {
    return fail(Errc::invalid_argument, concat("the alias ", alias,
                                               " needs at least one member: "
                                               "name where its mail shall go"));
  }
  return out;
}

// "" for an alias. Notices about the list's mail go there, so it must be there, and not the list:
// each would become mail for the list again.
Result<std::string> parse_list_owner(const std::string& list, const std::string& owner,
                                     const Directory& directory) {
  if (owner.empty()) return std::string();
  if (list.starts_with('@')) {
    return fail(Errc::invalid_argument,
                concat("the catch-all ", list, " cannot be a list: give the list an address"));
  }
  MAIL_TRY(const Mailbox mailbox, parse_address(owner));
  if (mailbox.key() == list) {
    return fail(Errc::invalid_argument,
                concat("the list ", list,
                       " cannot own itself: name somebody who reads what can not be delivered"));
  }
  if (directory.resolve(mailbox).kind == Resolution::Kind::unknown_user) {
    return fail(Errc::not_found,
                concat("the owner ", mailbox.key(), " is nobody here: check its spelling"));
  }
  return mailbox.to_string();
}

// As they are kept and compared: in lower case, each once.
Result<std::vector<std::string>> parse_patterns(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    const Result<Mailbox> mailbox = parse_address(text);  // '*' is a local part like any other
    const bool half = mailbox && mailbox->local_part != "*" && mailbox->local_part.contains('*');
    if (!mailbox || half) {
      return fail(Errc::invalid_argument,
                  concat("'", text,
                         "' is no sender to grant: give one address like team@yahoo.test, or "
                         "*@yahoo.test for all of a domain"));
    }
    out.push_back(mailbox->key());
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace

ControlStore::ControlStore(std::unique_ptr<sql::Database> database)
    : database_(std::move(database)), snapshot_(std::make_shared<const Directory>()) {}

ControlStore::~ControlStore() = default;

Result<std::unique_ptr<ControlStore>> ControlStore::open(const std::filesystem::path& file) {
  MAIL_TRY(std::unique_ptr<sql::Database> database, sql::Database::open(file));
  if (Result<void> migrated = migrate_control_store(*database); !migrated) {
    return fail(migrated.error().code, concat(file.native(), ": ", migrated.error().detail));
  }
  std::unique_ptr<ControlStore> store(new ControlStore(std::move(database)));
  MAIL_TRY(store->read_login_secret());
  MAIL_TRY(store->reload());
  return store;
}

std::shared_ptr<const Directory> ControlStore::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

Result<void> ControlStore::reload() {
  MAIL_TRY(Directory read, read_directory(*database_));
  read.set_forwarding(forwarding_);
  publish(std::move(read));
  return {};
}

void ControlStore::publish(Directory directory) {
  auto next = std::make_shared<const Directory>(std::move(directory));
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_.swap(next);  // the old one, if we were its last, dies after the lock
}

Result<void> ControlStore::add_domain(const Domain& domain, const std::string& owner,
                                      const std::vector<DkimKeyRow>& keys) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  if (domain.empty() || domain.is_literal()) {
    return fail(Errc::invalid_argument, concat("'", domain.text(),
                                               "' is no domain name: give one "
                                               "like yahoo.test"));
  }
  if (now->is_local(domain)) {
    return fail(Errc::already_exists, concat("the domain ", domain.text(),
                                             " is here already: "
                                             "nothing was changed"));
  }
  MAIL_TRY(const std::string owner_address, owner_for(domain, owner, *now));
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(database_->run("INSERT INTO domain (name, owner) VALUES (?, ?)",
                          {domain.text(), owner_address}));
  MAIL_TRY(insert_dkim_keys(keys));
  MAIL_TRY(transaction.commit());
  return reload();
}

Result<std::vector<AccountId>> ControlStore::remove_domain(const Domain& domain,
                                                           bool with_accounts) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  if (!now->is_local(domain)) {
    return fail(Errc::not_found, concat("no domain ", domain.text(),
                                        " here: 'mailwright domain "
                                        "list' shows all there are"));
  }
  std::vector<AccountId> ids;
  std::vector<std::string> addresses;
  const std::string tail = concat('@', domain.text());
  for (const AccountRow& row : now->accounts()) {
    if (!row.address.ends_with(tail)) continue;
    ids.push_back(row.id);
    addresses.push_back(row.address);
  }
  if (!ids.empty() && !with_accounts) {
    return fail(Errc::invalid_argument,
                concat("the domain ", domain.text(), " still has ", ids.size(),
                       ids.size() == 1 ? " account" : " accounts", ", the oldest is ", addresses[0],
                       ": removing it would remove their mail; say so with --with-accounts"));
  }
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(database_->run("DELETE FROM account WHERE domain = ?", {domain.text()}));
  MAIL_TRY(database_->run("DELETE FROM domain WHERE name = ?", {domain.text()}));  // and aliases
  for (const std::string& address : addresses) MAIL_TRY(pass_on_domains_of(address));
  MAIL_TRY(transaction.commit());
  MAIL_TRY(reload());
  return ids;
}

Result<void> ControlStore::pass_on_domains_of(const std::string& account) {
  return database_->run(
      "UPDATE domain SET owner = coalesce((SELECT address FROM account WHERE account.domain = "
      "domain.name ORDER BY account.id LIMIT 1), '') WHERE owner = ?",
      {account});
}

Result<AccountId> ControlStore::add_account(const Mailbox& address, const Credential& credential,
                                            std::optional<std::uint64_t> quota_bytes,
                                            const std::vector<std::string>& send_as) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  MAIL_TRY(require_local(address, *now));
  const std::string key = address.key();
  if (now->account(key) != nullptr) {
    return fail(Errc::already_exists, concat("the account ", key,
                                             " is here already: 'mailwright "
                                             "account passwd ",
                                             key, "' changes its password"));
  }
  if (now->alias(key) != nullptr) return is_an_alias(key);
  MAIL_TRY(const std::vector<std::string> patterns, parse_patterns(send_as));
  sql::Value quota = nullptr;
  if (quota_bytes) {
    if (*quota_bytes > std::numeric_limits<std::int64_t>::max()) {
      return fail(Errc::invalid_argument,
                  "the quota is larger than any disk: leave it out for none");
    }
    quota = static_cast<std::int64_t>(*quota_bytes);
  }
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(
      database_->run("INSERT INTO account (domain, address, password_hash, scram, cram_md5, "
                     "quota_bytes) VALUES (?, ?, ?, ?, ?, ?)",
                     {address.domain.text(), key, credential.password_hash, credential.scram,
                      credential.cram_md5, quota}));
  const AccountId id{static_cast<std::uint64_t>(database_->last_insert_id())};
  MAIL_TRY(insert_grants(id, patterns));
  MAIL_TRY(database_->run("UPDATE domain SET owner = ? WHERE name = ? AND owner = ''",
                          {key, address.domain.text()}));
  MAIL_TRY(transaction.commit());
  std::optional<Directory> next = now->with({.id = id,
                                             .address = key,
                                             .password_hash = credential.password_hash,
                                             .quota_bytes = quota_bytes.value_or(0),
                                             .has_quota = quota_bytes.has_value(),
                                             .send_as = patterns,
                                             .scram = credential.scram,
                                             .cram_md5 = credential.cram_md5});
  if (next) {
    publish(*std::move(next));
  } else {
    MAIL_TRY(reload());
  }
  return id;
}

Result<void> ControlStore::set_disabled(const Mailbox& address, bool disabled) {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(database_->run("UPDATE account SET disabled = ? WHERE address = ?",
                          {std::int64_t{disabled}, address.key()}));
  if (database_->changes() == 0) return no_account(address.key());
  return reload();
}

Result<void> ControlStore::insert_grants(AccountId account,
                                         const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    MAIL_TRY(database_->run("INSERT OR IGNORE INTO send_as (account, pattern) VALUES (?, ?)",
                            {static_cast<std::int64_t>(account.value), pattern}));
  }
  return {};
}

Result<void> ControlStore::grant(const Mailbox& address, const std::vector<std::string>& patterns) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  const AccountRow* row = now->account(address.key());
  if (row == nullptr) return no_account(address.key());
  MAIL_TRY(const std::vector<std::string> parsed, parse_patterns(patterns));
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(insert_grants(row->id, parsed));
  MAIL_TRY(transaction.commit());
  return reload();
}

Result<void> ControlStore::revoke(const Mailbox& address,
                                  const std::vector<std::string>& patterns) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  const AccountRow* row = now->account(address.key());
  if (row == nullptr) return no_account(address.key());
  MAIL_TRY(const std::vector<std::string> parsed, parse_patterns(patterns));
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  for (const std::string& pattern : parsed) {
    MAIL_TRY(database_->run("DELETE FROM send_as WHERE account = ? AND pattern = ?",
                            {static_cast<std::int64_t>(row->id.value), pattern}));
    if (database_->changes() == 0) {
      return fail(Errc::not_found,
                  concat("the sender ", pattern, " is not granted to ", row->address,
                         ": 'mailwright account list --json' shows what is; nothing was changed"));
    }
  }
  MAIL_TRY(transaction.commit());
  return reload();
}

Result<AccountId> ControlStore::remove_account(const Mailbox& address) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  const std::string key = address.key();
  const AccountRow* row = now->account(key);
  if (row == nullptr) return no_account(key);
  const std::string tail = concat('@', address.domain.text());
  std::size_t siblings = 0;
  for (const AccountRow& other : now->accounts()) siblings += other.address.ends_with(tail);
  if (siblings == 1) {
    return fail(Errc::invalid_argument,
                concat(key, " is the last account of ", address.domain.text(),
                       ", and its postmaster must reach somebody: add another account first, or "
                       "remove it all with 'mailwright domain remove ",
                       address.domain.text(), " --with-accounts'"));
  }
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(database_->run("DELETE FROM account WHERE address = ?", {key}));
  MAIL_TRY(pass_on_domains_of(key));
  MAIL_TRY(transaction.commit());
  MAIL_TRY(reload());
  return row->id;
}

Result<void> ControlStore::add_alias(const std::string& address,
                                     const std::vector<std::string>& members,
                                     const std::string& owner) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  MAIL_TRY(const AliasName name, parse_alias(address));
  if (!now->is_local(name.domain)) return no_domain(name.domain.text());
  if (now->account(name.address) != nullptr) {
    return fail(Errc::already_exists, concat(name.address,
                                             " is an account: an alias for it would "
                                             "never be asked; choose another address"));
  }
  if (now->alias(name.address) != nullptr) return is_an_alias(name.address);
  MAIL_TRY(const std::vector<std::string> parsed, parse_members(name.address, members, *now));
  MAIL_TRY(const std::string owner_address, parse_list_owner(name.address, owner, *now));
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(database_->run("INSERT INTO alias (address, domain, owner) VALUES (?, ?, ?)",
                          {name.address, name.domain.text(), owner_address}));
  std::int64_t position = 0;
  for (const std::string& member : parsed) {
    MAIL_TRY(database_->run("INSERT INTO alias_member (alias, position, member) VALUES (?, ?, ?)",
                            {name.address, position++, member}));
  }
  MAIL_TRY(transaction.commit());
  return reload();
}

Result<void> ControlStore::remove_alias(const std::string& address) {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(const AliasName name, parse_alias(address));
  MAIL_TRY(database_->run("DELETE FROM alias WHERE address = ?", {name.address}));
  if (database_->changes() == 0) {
    return fail(Errc::not_found, concat("no alias ", name.address,
                                        " here: 'mailwright alias list' "
                                        "shows all there are"));
  }
  return reload();
}

Result<void> ControlStore::backup(const std::filesystem::path& file) {
  const std::lock_guard lock(write_mutex_);
  return database_->backup(file);
}

Result<void> ControlStore::check() {
  const std::lock_guard lock(write_mutex_);
  return database_->check();
}

}  // namespace mail
