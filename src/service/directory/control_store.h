// The control store: domains, accounts, aliases in SQLite (state/control.db), read into a snapshot
// that is replaced after each change. SQLite is touched for writes and at start only. Threads:
// snapshot() from any thread; the writing verbs block (call them on a pool) and exclude each other;
// when one returns, every later snapshot() has its change. Errors: already_exists, not_found,
// invalid_argument with a sentence for the operator; store_newer when the file is of a later
// version; io_error.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/directory/directory.h"
#include "service/directory/dkim_key_row.h"
#include "service/directory/forwarding.h"

namespace mail {

namespace sql {
class Database;
}

// What an account's logins are checked against; credentials.h of service/auth makes it. Of a hash
// from another server only the first part is there until the password is known.
struct Credential {
  Credential(std::string hash) : password_hash(std::move(hash)) {}
  Credential(const char* hash) : password_hash(hash) {}
  std::string password_hash;
  std::string scram{};
  std::string cram_md5{};
};

struct AppPasswordUse {
  AppPasswordRow row;
  WallTime created;
  std::optional<WallTime> last_used;
};

class ControlStore {
 public:
  // Creates the file (mode 0600) where it is missing.
  static Result<std::unique_ptr<ControlStore>> open(const std::filesystem::path& file);
  ~ControlStore();

  std::shared_ptr<const Directory> snapshot() const;
  // 32 random bytes, the same as long as the file lives: for what strangers must not compute.
  std::span<const std::byte> login_secret() const { return login_secret_; }

  // `owner` is "", an account, or an address of this domain whose account is still to come.
  // Its first `keys` are written with it, or neither.
  Result<void> add_domain(const Domain& domain, const std::string& owner,
                          const std::vector<DkimKeyRow>& keys = {});
  // With its aliases. Refused while it has accounts: their mail goes with them, so they go first,
  // the last one by `remove_domain` itself when `with_accounts`; the ids removed are returned.
  // Ids of accounts are never used again.
  Result<std::vector<AccountId>> remove_domain(const Domain& domain, bool with_accounts);
  // The first account of a domain becomes its owner where none is named. Refused for an address
  // that is an alias. `send_as`: as for grant().
  Result<AccountId> add_account(const Mailbox& address, const Credential& credential,
                                std::optional<std::uint64_t> quota_bytes,
                                const std::vector<std::string>& send_as = {});
  Result<void> set_password(const Mailbox& address, const Credential& credential);
  // The same password in other forms; what `after` leaves empty is kept. Changes nothing where
  // `before` is not the hash stored by now.
  Result<void> refresh_password(const std::string& address, const std::string& before,
                                const Credential& after);
  // App passwords, by name; a name is given once.
  Result<void> add_app_password(const Mailbox& address, const AppPasswordRow& row, WallTime now);
  Result<void> remove_app_password(const Mailbox& address, const std::string& name);
  Result<std::vector<AppPasswordUse>> app_passwords(const Mailbox& address);
  // Touches no snapshot; what is gone by now is passed over.
  Result<void> note_app_password_used(AccountId account, const std::string& name, WallTime now);
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
  // With an `owner` it is a list (AliasRow::owner).
  Result<void> add_alias(const std::string& address, const std::vector<std::string>& members,
                         const std::string& owner = {});
  Result<void> remove_alias(const std::string& address);

  // Keys that mail is signed with; service/signing says what they mean. They touch no snapshot, and
  // go with their domain. Oldest first. Writing puts rows in place of those of the same name, all
  // or none; not_found where a domain is gone.
  Result<std::vector<DkimKeyRow>> dkim_keys();
  Result<void> write_dkim_keys(const std::vector<DkimKeyRow>& rows);
  Result<void> remove_dkim_key(const std::string& domain, const std::string& selector);
  // 64 hex digits that only this installation knows, made when they are first asked for.
  Result<std::string> secret(const std::string& purpose);
  // Takes part in every snapshot from now on (Directory::forwarding()).
  Result<void> set_forwarding(std::shared_ptr<const Forwarding> forwarding);

  Result<void> backup(const std::filesystem::path& file);  // a consistent copy, made live
  Result<void> check();                                    // SQLite's integrity check

 private:
  explicit ControlStore(std::unique_ptr<sql::Database> database);
  Result<void> reload();
  void publish(Directory directory);
  Result<void> read_login_secret();
  // Domains owned by an account just removed get their oldest account left, or nobody.
  Result<void> pass_on_domains_of(const std::string& account);
  Result<void> insert_dkim_keys(const std::vector<DkimKeyRow>& rows);
  Result<void> insert_grants(AccountId account, const std::vector<std::string>& patterns);
  std::unique_ptr<sql::Database> database_;
  std::array<std::byte, 32> login_secret_{};
  std::mutex write_mutex_;
  std::shared_ptr<const Forwarding> forwarding_;  // guarded by write_mutex_
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const Directory> snapshot_;
};

}  // namespace mail
