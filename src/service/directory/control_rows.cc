#include "service/directory/control_rows.h"

#include <utility>
#include <vector>

#include "base/text.h"

namespace mail {
namespace {

// Moves `account` on to the one with this id; both run in the order of ids.
Result<void> find_account(std::vector<AccountRow>& accounts,
                          std::vector<AccountRow>::iterator& account, std::int64_t wanted) {
  const AccountId id{static_cast<std::uint64_t>(wanted)};
  while (account != accounts.end() && account->id != id) ++account;
  if (account != accounts.end()) return {};
  return fail(Errc::store_corrupt, "a grant or app password without its account");
}

Result<void> read_grants(sql::Database& database, std::vector<AccountRow>& accounts) {
  MAIL_TRY(sql::Statement query,
           database.prepare("SELECT account, pattern FROM send_as ORDER BY account, pattern"));
  auto account = accounts.begin();
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return {};
    MAIL_TRY(find_account(accounts, account, query.integer(0)));
    account->send_as.push_back(query.text(1));
  }
}

Result<void> read_app_passwords(sql::Database& database, std::vector<AccountRow>& accounts) {
  MAIL_TRY(sql::Statement query,
           database.prepare("SELECT account, name, digest, scram, may_submit, may_read "
                            "FROM app_password ORDER BY account, name"));
  auto account = accounts.begin();
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return {};
    MAIL_TRY(find_account(accounts, account, query.integer(0)));
    account->app_passwords.push_back({query.text(1),
                                      query.text(2),
                                      query.text(3),
                                      {query.integer(4) != 0, query.integer(5) != 0}});
  }
}

Result<std::vector<DomainRow>> read_domains(sql::Database& database) {
  std::vector<DomainRow> rows;
  MAIL_TRY(sql::Statement query, database.prepare("SELECT name, owner FROM domain ORDER BY id"));
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return rows;
    rows.push_back({query.text(0), query.text(1)});
  }
}

Result<std::vector<AccountRow>> read_accounts(sql::Database& database) {
  std::vector<AccountRow> rows;
  MAIL_TRY(sql::Statement query,
           database.prepare("SELECT id, address, password_hash, disabled, quota_bytes, scram, "
                            "cram_md5 FROM account ORDER BY id"));
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return rows;
    rows.push_back({.id = {static_cast<std::uint64_t>(query.integer(0))},
                    .address = query.text(1),
                    .password_hash = query.text(2),
                    .disabled = query.integer(3) != 0,
                    .quota_bytes = static_cast<std::uint64_t>(query.integer(4)),
                    .has_quota = !query.is_null(4),
                    .scram = query.text(5),
                    .cram_md5 = query.text(6)});
  }
}

Result<std::vector<AliasRow>> read_aliases(sql::Database& database) {
  std::vector<AliasRow> rows;
  MAIL_TRY(sql::Statement query,
           database.prepare("SELECT alias, member, owner FROM alias_member JOIN alias "
                            "ON alias.address = alias_member.alias ORDER BY alias, position"));
  for (;;) {
    MAIL_TRY(const bool row, query.step());
    if (!row) return rows;
    std::string address = query.text(0);
    if (rows.empty() || rows.back().address != address) {
      rows.push_back({std::move(address), {}, query.text(2)});
    }
    rows.back().members.push_back(query.text(1));
  }
}

}  // namespace

Result<Directory> read_directory(sql::Database& database) {
  MAIL_TRY(std::vector<DomainRow> domains, read_domains(database));
  MAIL_TRY(std::vector<AccountRow> accounts, read_accounts(database));
  MAIL_TRY(read_grants(database, accounts));
  MAIL_TRY(read_app_passwords(database, accounts));
  MAIL_TRY(std::vector<AliasRow> aliases, read_aliases(database));
  return Directory(std::move(domains), std::move(accounts), std::move(aliases));
}

std::unexpected<Error> no_account(std::string_view address) {
  return fail(Errc::not_found, concat("no account ", address,
                                      " here: 'mailwright account list' shows all there are"));
}

}  // namespace mail
