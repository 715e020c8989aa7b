// The part of the control store that is about signing and forwarding: keys and secrets.
#include <array>

#include "base/random.h"
#include "base/text.h"
#include "platform/sql/database.h"
#include "service/directory/control_store.h"
#include "service/directory/dkim_key_row.h"

namespace mail {
namespace {

using crypto::KeyKind;

constexpr std::array kStates = {DkimKeyState::pending, DkimKeyState::active, DkimKeyState::retired,
                                DkimKeyState::revoked};
constexpr std::array kKinds = {KeyKind::rsa, KeyKind::ed25519};
constexpr std::size_t kSecretOctets = 32;

template <typename Values>
Result<typename Values::value_type> find_named(const Values& values, std::string_view name) {
  for (const auto value : values) {
    if (to_string(value) == name) return value;
  }
  return fail(Errc::store_corrupt, concat("the control store has a signing key that is '", name,
                                          "', which no key can be"));
}

std::int64_t milliseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(std::int64_t count) { return WallTime(Milliseconds(count)); }

}  // namespace

std::string_view to_string(DkimKeyState state) {
  switch (state) {
    case DkimKeyState::pending:
      return "pending";
    case DkimKeyState::active:
      return "active";
    case DkimKeyState::retired:
      return "retired";
    case DkimKeyState::revoked:
      return "revoked";
  }
  return "";
}

std::string_view to_string(KeyKind kind) { return kind == KeyKind::rsa ? "rsa" : "ed25519"; }

Result<std::vector<DkimKeyRow>> ControlStore::dkim_keys() {
  const std::lock_guard lock(write_mutex_);
  MAIL_TRY(sql::Statement query,
           database_->prepare("SELECT domain, selector, algorithm, state, made, changed, forced, "
                              "private_key, public_key FROM dkim_key "
                              "ORDER BY domain, made, selector"));
  std::vector<DkimKeyRow> rows;
  for (;;) {
    MAIL_TRY(const bool there, query.step());
    if (!there) return rows;
    DkimKeyRow& row = rows.emplace_back();
    row.domain = query.text(0);
    row.selector = query.text(1);
    MAIL_TRY(row.kind, find_named(kKinds, query.text(2)));
    MAIL_TRY(row.state, find_named(kStates, query.text(3)));
    row.made = time_of(query.integer(4));
    row.changed = time_of(query.integer(5));
    row.forced = query.integer(6) != 0;
    row.private_key = query.text(7);
    row.public_key = query.text(8);
  }
}

Result<void> ControlStore::insert_dkim_keys(const std::vector<DkimKeyRow>& rows) {
  for (const DkimKeyRow& row : rows) {
    MAIL_TRY(database_->run(
        "INSERT OR REPLACE INTO dkim_key (domain, selector, algorithm, state, made, changed, "
        "forced, private_key, public_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {row.domain, row.selector, to_string(row.kind), to_string(row.state),
         milliseconds(row.made), milliseconds(row.changed), std::int64_t{row.forced},
         row.private_key, row.public_key}));
  }
  return {};
}

Result<void> ControlStore::write_dkim_keys(const std::vector<DkimKeyRow>& rows) {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const Directory> now = snapshot();
  for (const DkimKeyRow& row : rows) {
    const Result<Domain> domain = Domain::parse(row.domain);
    if (!domain || !now->is_local(*domain)) {
      return fail(Errc::not_found, concat("no domain ", row.domain,
                                          " here: 'mailwright domain list' shows all there are"));
    }
  }
  MAIL_TRY(sql::Transaction transaction, sql::Transaction::begin(*database_));
  MAIL_TRY(insert_dkim_keys(rows));
  return transaction.commit();
}

Result<void> ControlStore::remove_dkim_key(const std::string& domain, const std::string& selector) {
  const std::lock_guard lock(write_mutex_);
  return database_->run("DELETE FROM dkim_key WHERE domain = ? AND selector = ?",
                        {domain, selector});
}

Result<std::string> ControlStore::secret(const std::string& purpose) {
  const std::lock_guard lock(write_mutex_);
  SystemRandom random;
  MAIL_TRY(database_->run("INSERT OR IGNORE INTO secret (purpose, value) VALUES (?, ?)",
                          {purpose, random_hex(random, kSecretOctets)}));
  MAIL_TRY(sql::Statement query,
           database_->prepare("SELECT value FROM secret WHERE purpose = ?", {purpose}));
  MAIL_TRY(const bool there, query.step());
  if (!there || query.text(0).size() != 2 * kSecretOctets) {
    return fail(Errc::store_corrupt,
                concat("the control store's secret for ", purpose, " is damaged"));
  }
  return query.text(0);
}

Result<void> ControlStore::set_forwarding(std::shared_ptr<const Forwarding> forwarding) {
  const std::lock_guard lock(write_mutex_);
  forwarding_ = std::move(forwarding);
  return reload();
}

}  // namespace mail
