// The part of the control store that logins are checked against: passwords, keys, app passwords.
#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "platform/sql/database.h"
#include "service/directory/control_rows.h"
#include "service/directory/control_store.h"

namespace mail {
namespace {

// Part of a login name (address/name) and of commands: nothing in it may need quoting.
Result<std::string> parse_app_password_name(std::string_view text) {
  const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (!text.empty() && text.size() <= 32 && std::ranges::all_of(text, fits)) return to_lower(text);
  return fail(Errc::invalid_argument,
              concat("'", text,
                     "' is no name for an app password: give up to 32 letters, digits, '-', '_' "
                     "and '.', like phone"));
}

WallTime time_of(std::int64_t milliseconds) { return WallTime(Milliseconds(milliseconds)); }

int digit_of(char c) { return is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10; }

}  // namespace

// Made once, at the first start; SQLite's own random bytes are not meant for keys.
Result<void> ControlStore::read_login_secret() {
  SystemRandom random;
  MAIL_TRY(database_->run("INSERT OR IGNORE INTO secret (purpose, value) VALUES ('login', ?)",
                          {random_hex(random, login_secret_.size())}));
  MAIL_TRY(sql::Statement query,
           database_->prepare("SELECT value FROM secret WHERE purpose = 'login'"));
  MAIL_TRY(const bool row, query.step());
  const std::string hex = row ? query.text(0) : std::string();
  if (hex.size() != 2 * login_secret_.size()) {
    return fail(Errc::store_corrupt, "the control store's secret for logins is damaged");
  }
  for (std::size_t i = 0; i < login_secret_.size(); ++i) {
    login_secret_[i] = static_cast<std::byte>(digit_of(hex[2 * i]) * 16 + digit_of(hex[2 * i + 1]));
  }
  return {};
}

Result<void> ControlStore::set_password(const Mailbox& address, const Credential& credential) {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(database_->run(
      "UPDATE account SET password_hash = ?, scram = ?, cram_md5 = ? WHERE address = ?",
      {credential.password_hash, credential.scram, credential.cram_md5, address.key()}));
  if (database_->changes() == 0) return no_account(address.key());
  return reload();
}

Result<void> ControlStore::refresh_password(const std::string& address, const std::string& before,
                                            const Credential& after) {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(
      database_->run("UPDATE account SET password_hash = ?, scram = coalesce(nullif(?, ''), scram) "
                     "WHERE address = ? AND password_hash = ?",
                     {after.password_hash, after.scram, address, before}));
  return reload();
}

Result<void> ControlStore::add_app_password(const Mailbox& address, const AppPasswordRow& row,
                                            WallTime now) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> directory = snapshot();
  const AccountRow* account = directory->account(address.key());
  if (account == nullptr) return no_account(address.key());
  MAIL_TRY(const std::string name, parse_app_password_name(row.name));
  for (const AppPasswordRow& other : account->app_passwords) {
    if (other.name != name) continue;
    return fail(Errc::already_exists,
                concat("the app password ", name, " of ", account->address,
                       " is here already: remove it first, or choose another name"));
  }
  MAIL_TRY(database_->run(
      "INSERT INTO app_password (account, name, digest, scram, may_submit, may_read, created) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {static_cast<std::int64_t>(account->id.value), name, row.digest, row.scram,
       std::int64_t{row.rights.submit}, std::int64_t{row.rights.read},
       std::int64_t{now.time_since_epoch().count()}}));
  return reload();
}

Result<void> ControlStore::remove_app_password(const Mailbox& address, const std::string& name) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> directory = snapshot();
  const AccountRow* account = directory->account(address.key());
  if (account == nullptr) return no_account(address.key());
  MAIL_TRY(database_->run("DELETE FROM app_password WHERE account = ? AND name = ?",
                          {static_cast<std::int64_t>(account->id.value), to_lower(name)}));
  if (database_->changes() == 0) {
    return fail(Errc::not_found, concat("no app password ", name, " of ", account->address,
                                        ": 'mailwright app-password list ", account->address,
                                        "' shows all there are"));
  }
  return reload();
}

Result<std::vector<AppPasswordUse>> ControlStore::app_passwords(const Mailbox& address) {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(sql::Statement query,
           database_->prepare(
               "SELECT name, may_submit, may_read, created, last_used FROM app_password "
               "JOIN account ON account.id = app_password.account WHERE address = ? ORDER BY name",
               {address.key()}));
  std::vector<AppPasswordUse> uses;
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return uses;
    AppPasswordUse& use = uses.emplace_back();
    use.row.name = query.text(0);
    use.row.rights = {query.integer(1) != 0, query.integer(2) != 0};
    use.created = time_of(query.integer(3));
    if (!query.is_null(4)) use.last_used = time_of(query.integer(4));
  }
}

Result<void> ControlStore::note_app_password_used(AccountId account, const std::string& name,
                                                  WallTime now) {
  const std::lock_guard lock(write_mutex_);
  return database_->run("UPDATE app_password SET last_used = ? WHERE account = ? AND name = ?",
                        {std::int64_t{now.time_since_epoch().count()},
                         static_cast<std::int64_t>(account.value), name});
}

}  // namespace mail
