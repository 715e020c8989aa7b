// The control store: domains, accounts, aliases in SQLite (state/control.db), read into a snapshot
// that is replaced after each change. SQLite is touched for writes and at start only. Threads:
// snapshot() from any thread; the writing verbs block (call them on a pool) and exclude each other;
// when one returns, every later snapshot() has its change. Errors: already_exists, not_found,
// invalid_argument with a sentence for the operator; store_newer when the file is of a later
// version; io_error.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/directory/directory.h"

namespace mail {

namespace sql {
class Database;
}

class ControlStore {
 public:
  // Creates the file (mode 0600) where it is missing.
  static Result<std::unique_ptr<ControlStore>> open(const std::filesystem::path& file);
  ~ControlStore();

  std::shared_ptr<const Directory> snapshot() const;

  // `owner` is "", an account, or an address of this domain whose account is still to come.
  Result<void> add_domain(const Domain& domain, const std::string& owner);
  // With its aliases. Refused while it has accounts: their mail goes with them, so they go first,
  // the last one by `remove_domain` itself when `with_accounts`; the ids removed are returned.
  // Ids of accounts are never used again.
  Result<std::vector<AccountId>> remove_domain(const Domain& domain, bool with_accounts);
  // `password_hash` comes from Passwords::hash. The first account of a domain becomes its owner
  // where none is named. Refused for an address that is an alias. `send_as`: as for grant().
  Result<AccountId> add_account(const Mailbox& address, const std::string& password_hash,
                                std::optional<std::uint64_t> quota_bytes,
                                const std::vector<std::string>& send_as = {});
  Result<void> set_password(const Mailbox& address, const std::string& password_hash);
  // The same password in another form. Changes nothing where `before` is not what is stored by now.
  Result<void> replace_hash(const std::string& address, const std::string& before,
                            const std::string& after);
  Result<void> set_disabled(const Mailbox& address, bool disabled);
  // Senders the account may use besides its own (RFC 6409 §6.1): an address, here or elsewhere, or
  // "*@domain". Granting twice changes nothing; revoking what was not granted is not_found.
  Result<void> grant(const Mailbox& address, const std::vector<std::string>& patterns);
  Result<void> revoke(const Mailbox& address, const std::vector<std::string>& patterns);
  // An owner's domain passes to its oldest account left. The last account of a domain is refused
  // (postmaster must reach somebody): remove the domain instead.
  Result<AccountId> remove_account(const Mailbox& address);
  // `address` is local, or "@domain" for its catch-all. Local members must be known already: an
  // unknown one is a typing error that would lose mail. Members that vanish later are passed over.
  Result<void> add_alias(const std::string& address, const std::vector<std::string>& members);
  Result<void> remove_alias(const std::string& address);

  Result<void> backup(const std::filesystem::path& file);  // a consistent copy, made live
  Result<void> check();                                    // SQLite's integrity check

 private:
  explicit ControlStore(std::unique_ptr<sql::Database> database);
  Result<void> reload();
  // Domains owned by an account just removed get their oldest account left, or nobody.
  Result<void> pass_on_domains_of(const std::string& account);
  Result<void> insert_grants(AccountId account, const std::vector<std::string>& patterns);
  std::unique_ptr<sql::Database> database_;
  std::mutex write_mutex_;
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const Directory> snapshot_;
};

}  // namespace mail
