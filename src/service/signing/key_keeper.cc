#include "service/signing/key_keeper.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "base/base64.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/tls/crypto.h"
#include "service/mx/gather.h"

namespace mail::signing {
namespace {

using crypto::KeyKind;
using State = DkimKeyState;

constexpr std::array kKinds = {KeyKind::rsa, KeyKind::ed25519};
constexpr std::chrono::seconds kFirstLook{60};  // nobody publishes faster; tests rarely live longer
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::seconds kMakeAgain{60};  // after the store refused
constexpr std::size_t kAtOnce = 50;             // domains asked about together
// New keys take their time, and whoever else wants to change keys, or to stop, waits for them.
constexpr std::size_t kMakeAtOnce = 20;  // domains
constexpr Milliseconds kMakeFor{500};

Task<void> ask_for(dns::Resolver& resolver, SeenKey& seen, MonoTime deadline) {
  const dns::Answer answer = co_await resolver.ask(record_name(seen.key), dns::Type::txt, deadline);
  seen.sight = sight_of(seen.key, answer);
}

void tell_made(const std::vector<DkimKeyRow>& keys) {
  for (const DkimKeyRow& key : keys) {
    log::info("signing.key_made", {{"domain", key.domain}, {"selector", key.selector}});
  }
}

void tell(const DkimKeyRow& key) {
  const std::initializer_list<log::Field> facts = {{"domain", key.domain},
                                                   {"selector", key.selector}};
  switch (key.state) {
    case State::pending:
      return log::warning("signing.key_withdrawn",
                          {{"domain", key.domain},
                           {"selector", key.selector},
                           {"why", "the DNS does not show it any more"},
                           {"do", concat("mailwright domain dns ", key.domain)}});
    case State::active:
      return log::info("signing.key_used", facts);
    case State::retired:
      return log::info("signing.key_retired", facts);
    case State::revoked:
      return log::info("signing.key_revoked", facts);
  }
}

}  // namespace

KeyKeeper::KeyKeeper(ControlStore& control, std::unique_ptr<tls::SecretBox> box,
                     dns::Resolver& resolver, const Clock& clock, const KeeperSettings& settings)
    : control_(control),
      box_(std::move(box)),
      resolver_(resolver),
      clock_(clock),
      settings_(settings),
      ring_(std::make_shared<const KeyRing>()),
      pool_(1, 2 * kAtOnce) {}

Result<std::unique_ptr<KeyKeeper>> KeyKeeper::open(ControlStore& control,
                                                   std::unique_ptr<tls::SecretBox> box,
                                                   dns::Resolver& resolver, const Clock& clock,
                                                   const KeeperSettings& settings) {
  std::unique_ptr<KeyKeeper> keeper(
      new KeyKeeper(control, std::move(box), resolver, clock, settings));
  MAIL_TRY(keeper->refresh());
  return keeper;
}

void KeyKeeper::reload(const KeeperSettings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

KeeperSettings KeyKeeper::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

std::shared_ptr<const KeyRing> KeyKeeper::ring() const {
  const std::lock_guard lock(mutex_);
  return ring_;
}

std::vector<DkimKeyRow> KeyKeeper::keys_of(std::string_view domain) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::equal_range(
      rows_, domain, {}, [](const DkimKeyRow& row) { return std::string_view(row.domain); });
  return {found.begin(), found.end()};
}

Result<void> KeyKeeper::refresh() {
  const std::lock_guard lock(write_mutex_);
  return refresh_locked();
}

Result<void> KeyKeeper::refresh_locked() {
  MAIL_TRY(std::vector<DkimKeyRow> rows, control_.dkim_keys());
  auto next = std::make_shared<const KeyRing>(rows, *box_, *ring());
  const std::lock_guard lock(mutex_);
  rows_ = std::move(rows);
  ring_.swap(next);
  return {};
}

Result<DkimKeyRow> KeyKeeper::new_key(const std::string& domain, KeyKind kind) const {
  DkimKeyRow row;
  row.domain = domain;
  row.kind = kind;
  row.made = clock_.wall_now();
  row.changed = row.made;
  row.selector = new_selector(keys_of(domain), kind, row.made);
  MAIL_TRY(const std::string pem, tls::generate_key(kind, settings().rsa_bits));
  MAIL_TRY(const auto key, tls::kCrypto.read_private_key(pem));
  row.public_key = base64_encode(key->public_octets());
  MAIL_TRY(row.private_key, box_->seal(pem, seal_context(row)));
  return row;
}

Result<std::vector<DkimKeyRow>> KeyKeeper::new_keys(const std::string& domain) const {
  std::vector<DkimKeyRow> keys;
  for (const KeyKind kind : kKinds) {
    MAIL_TRY(DkimKeyRow key, new_key(domain, kind));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<void> KeyKeeper::add_domain(const Domain& domain, const std::string& owner) {
  const std::lock_guard lock(write_mutex_);
  std::vector<DkimKeyRow> keys;
  if (!control_.snapshot()->is_local(domain)) {  // else the store says why not
    MAIL_TRY(keys, new_keys(domain.text()));
  }
  MAIL_TRY(control_.add_domain(domain, owner, keys));
  tell_made(keys);
  return refresh_locked();
}

Result<std::vector<DkimKeyRow>> KeyKeeper::make(const std::string& domain) {
  const std::lock_guard lock(write_mutex_);
  return make_locked(domain);
}

Result<std::vector<DkimKeyRow>> KeyKeeper::make_locked(const std::string& domain) {
  const std::vector<DkimKeyRow> before = keys_of(domain);
  std::vector<DkimKeyRow> pending;
  std::vector<DkimKeyRow> made;
  for (const KeyKind kind : kKinds) {
    const auto waits = std::ranges::find_if(before, [&](const DkimKeyRow& key) {
      return key.kind == kind && key.state == State::pending;
    });
    if (waits != before.end()) {
      pending.push_back(*waits);
      continue;
    }
    MAIL_TRY(DkimKeyRow key, new_key(domain, kind));
    pending.push_back(key);
    made.push_back(std::move(key));
  }
  MAIL_TRY(keep_locked(made));
  return pending;
}

Result<void> KeyKeeper::keep_locked(const std::vector<DkimKeyRow>& made) {
  if (made.empty()) return {};
  MAIL_TRY(control_.write_dkim_keys(made));
  tell_made(made);
  return refresh_locked();
}

Result<void> KeyKeeper::force(const std::string& domain, const std::string& selector) {
  {
    const std::lock_guard lock(write_mutex_);
    std::vector<DkimKeyRow> keys = keys_of(domain);
    const auto key = std::ranges::find(keys, selector, &DkimKeyRow::selector);
    if (key == keys.end() || key->private_key.empty()) {
      return fail(Errc::not_found, concat("no key ", selector, " of ", domain,
                                          " that could be used: 'mailwright domain dkim list ",
                                          domain, "' shows all there are"));
    }
    key->forced = true;
    key->state = State::pending;  // what follows is as if it had been seen
    MAIL_TRY(control_.write_dkim_keys({*key}));
    MAIL_TRY(refresh_locked());
  }
  std::vector<SeenKey> seen;
  for (DkimKeyRow& key : keys_of(domain)) seen.push_back({std::move(key), Sight::unknown});
  return settle(seen);
}

Task<std::vector<SeenKey>> KeyKeeper::look(std::string domain, MonoTime deadline) {
  std::vector<SeenKey> seen;
  for (DkimKeyRow& key : keys_of(domain)) seen.push_back({std::move(key), Sight::unknown});
  mx::Gather questions;
  for (SeenKey& each : seen) questions.start(ask_for(resolver_, each, deadline));
  co_await questions.all();
  co_return seen;
}

Result<void> KeyKeeper::settle(const std::vector<SeenKey>& seen) {
  if (seen.empty()) return {};
  const std::string domain = seen.front().key.domain;
  const RotationRules rules = settings().rotation;
  const std::lock_guard lock(write_mutex_);
  // What was made or changed since it was looked at keeps what it is.
  std::vector<SeenKey> now;
  for (DkimKeyRow& row : keys_of(domain)) {
    const auto same = std::ranges::find_if(seen, [&](const SeenKey& each) {
      return each.key.selector == row.selector && each.key.state == row.state;
    });
    const Sight sight = same == seen.end() ? Sight::unknown : same->sight;
    now.push_back({std::move(row), sight});
  }
  const KeyChanges changes = follow(now, rules, clock_.wall_now());
  if (!changes.changed.empty()) MAIL_TRY(control_.write_dkim_keys(changes.changed));
  for (const std::string& selector : changes.removed) {
    MAIL_TRY(control_.remove_dkim_key(domain, selector));
    log::info("signing.key_forgotten", {{"domain", domain}, {"selector", selector}});
  }
  for (const DkimKeyRow& key : changes.changed) tell(key);
  if (!changes.changed.empty() || !changes.removed.empty()) MAIL_TRY(refresh_locked());
  if (changes.new_ones_due) MAIL_TRY(make_locked(domain));
  return {};
}

// Some at a call.
Result<void> KeyKeeper::make_missing() {
  std::shared_ptr<const Directory> directory = control_.snapshot();
  if (directory == complete_) return {};
  const MonoTime until = clock_.mono_now() + kMakeFor;
  const std::lock_guard lock(write_mutex_);
  std::set<std::string> have;
  {
    const std::lock_guard rows_lock(mutex_);
    for (const DkimKeyRow& row : rows_) have.insert(row.domain);
  }
  std::vector<DkimKeyRow> made;
  for (const DomainRow& domain : directory->domains()) {
    if (have.contains(domain.name)) continue;
    if (made.size() >= 2 * kMakeAtOnce || (!made.empty() && clock_.mono_now() >= until)) {
      return keep_locked(made);
    }
    MAIL_TRY(std::vector<DkimKeyRow> keys, new_keys(domain.name));
    std::ranges::move(keys, std::back_inserter(made));
  }
  MAIL_TRY(keep_locked(made));
  complete_ = std::move(directory);
  return {};
}

Task<void> KeyKeeper::look_and_settle(std::string domain) {
  const std::vector<SeenKey> seen = co_await look(domain, clock_.mono_now() + kPatience);
  const Result<void> settled = co_await on(pool_, [&] { return settle(seen); });
  if (!settled) {
    log::error("signing.store_failed", {{"domain", domain}, {"why", describe(settled.error())}});
  }
}

Task<void> KeyKeeper::look_at_all() {
  const Result<void> read = co_await on(pool_, [this] { return refresh(); });
  if (!read) {
    log::error("signing.store_failed", {{"why", describe(read.error())}});
    co_return;
  }
  std::vector<std::string> domains;
  {
    const std::lock_guard lock(mutex_);
    for (const DkimKeyRow& row : rows_) {
      if (domains.empty() || domains.back() != row.domain) domains.push_back(row.domain);
    }
  }
  for (std::size_t begin = 0; begin < domains.size(); begin += kAtOnce) {
    mx::Gather looks;
    const std::size_t end = std::min(begin + kAtOnce, domains.size());
    for (std::size_t at = begin; at < end; ++at) looks.start(look_and_settle(domains[at]));
    co_await looks.all();
  }
}

Task<void> KeyKeeper::tick() {
  const MonoTime now = clock_.mono_now();
  const std::chrono::seconds every = settings().check_every;
  if (!next_look_) next_look_ = now + std::min(kFirstLook, every);
  if (now >= next_make_) {
    const Result<void> made = co_await on(pool_, [this] { return make_missing(); });
    if (!made) {
      log::error("signing.no_keys_made", {{"why", describe(made.error())}});
      next_make_ = now + kMakeAgain;
    }
  }
  if (now < *next_look_) co_return;
  co_await look_at_all();
  next_look_ = clock_.mono_now() + every;
}

}  // namespace mail::signing
