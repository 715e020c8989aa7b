#include "service/directory/control_schema.h"

#include <array>

#include "base/text.h"

namespace mail {
namespace {

// kSteps[n] leads from version n to n + 1. A released step is never edited: add one behind it.
constexpr std::array kSteps = {
    R"sql(
CREATE TABLE domain (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: an id is never given twice, for mailboxes hang on it.
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain TEXT NOT NULL REFERENCES domain (name),
  address TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  quota_bytes INTEGER
) STRICT;
CREATE INDEX account_by_domain ON account (domain);

CREATE TABLE alias (
  address TEXT PRIMARY KEY,
  domain TEXT NOT NULL REFERENCES domain (name) ON DELETE CASCADE
) STRICT;
CREATE INDEX alias_by_domain ON alias (domain);

CREATE TABLE alias_member (
  alias TEXT NOT NULL REFERENCES alias (address) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  member TEXT NOT NULL,
  PRIMARY KEY (alias, position)
) STRICT;
)sql",
    R"sql(
-- Senders an account may use besides its own: an address, or "*@domain".
CREATE TABLE send_as (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  pattern TEXT NOT NULL,
  PRIMARY KEY (account, pattern)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
-- Keys for logins that never send the password; '' where there are none.
ALTER TABLE account ADD COLUMN scram TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN cram_md5 TEXT NOT NULL DEFAULT '';

CREATE TABLE app_password (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  scram TEXT NOT NULL,
  may_submit INTEGER NOT NULL,
  may_read INTEGER NOT NULL,
  created INTEGER NOT NULL, -- milliseconds since 1970
  last_used INTEGER,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- Not empty: a list, and the return path of its mail.
ALTER TABLE alias ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- What only this installation knows, by purpose.
CREATE TABLE secret (
  purpose TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
-- Keys that mail of a domain is signed with (RFC 6376), private ones sealed, '' once revoked.
CREATE TABLE dkim_key (
  domain TEXT NOT NULL REFERENCES domain (name) ON DELETE CASCADE,
  selector TEXT NOT NULL,
  algorithm TEXT NOT NULL, -- rsa, ed25519
  state TEXT NOT NULL, -- pending, active, retired, revoked
  made INTEGER NOT NULL, -- milliseconds since 1970
  changed INTEGER NOT NULL, -- when it came into its state, likewise
  forced INTEGER NOT NULL,
  private_key TEXT NOT NULL,
  public_key TEXT NOT NULL, -- as p= has it
  PRIMARY KEY (domain, selector)
) STRICT, WITHOUT ROWID;
)sql",
};
constexpr auto kVersion = static_cast<std::int64_t>(kSteps.size());

// A file of version 0 is new, or not ours.
Result<void> require_ours(sql::Database& database, std::int64_t version) {
  if (version > kVersion) {
    return fail(Errc::store_newer, concat("the control store has version ", version,
                                          ", this program knows versions "
                                          "up to ",
                                          kVersion,
                                          ": a newer Mailwright has written it; run that one, or "
                                          "restore a backup made by this one"));
  }
  if (version > 0) return {};
  MAIL_TRY(sql::Statement tables, database.prepare("SELECT count(*) FROM sqlite_schema"));
  MAIL_TRY(const bool row, tables.step());
  if (version == 0 && row && tables.integer(0) == 0) return {};
  return fail(Errc::invalid_argument,
              "this is the database of another program, not a control store: name another state "
              "folder, or move the file away");
}

}  // namespace

Result<void> migrate_control_store(sql::Database& database) {
  MAIL_TRY(const std::int64_t found, database.user_version());
  MAIL_TRY(require_ours(database, found));
  if (found == kVersion) return {};
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(database));
  // Another process may have been faster; from here on nobody else writes.
  MAIL_TRY(const std::int64_t version, database.user_version());
  MAIL_TRY(require_ours(database, version));
  for (std::int64_t step = version; step < kVersion; ++step) {
    MAIL_TRY(database.run_script(kSteps[static_cast<std::size_t>(step)]));
  }
  MAIL_TRY(database.set_user_version(kVersion));
  return transaction.commit();
}

}  // namespace mail
