#include "service/signing/rotation.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace mail::signing {
namespace {

using crypto::KeyKind;
using State = DkimKeyState;

void enter(DkimKeyRow& key, State state, WallTime now) {
  key.state = state;
  key.changed = now;
}

State next_state(const SeenKey& seen, const RotationRules& rules, WallTime now) {
  const DkimKeyRow& key = seen.key;
  switch (key.state) {
    case State::pending:
      return key.forced || seen.sight == Sight::shown ? State::active : State::pending;
    case State::active: {
      const bool gone = seen.sight == Sight::absent || seen.sight == Sight::other;
      return gone && !key.forced ? State::pending : State::active;
    }
    case State::retired:
      return now - key.changed >= rules.retired_for ? State::revoked : State::retired;
    case State::revoked:
      return State::revoked;
  }
  return key.state;
}

// One key of a kind signs: the newest of those that may.
const DkimKeyRow* newest_active(const std::vector<DkimKeyRow>& keys, KeyKind kind) {
  const DkimKeyRow* newest = nullptr;
  for (const DkimKeyRow& key : keys) {
    if (key.kind == kind && key.state == State::active &&
        (newest == nullptr || newest->made <= key.made)) {
      newest = &key;
    }
  }
  return newest;
}

bool is_due(const std::vector<DkimKeyRow>& keys, KeyKind kind, const RotationRules& rules,
            WallTime now) {
  const DkimKeyRow* used = newest_active(keys, kind);
  if (used == nullptr || now - used->changed < rules.rotate_after) return false;
  return std::ranges::none_of(keys, [&](const DkimKeyRow& key) {
    return key.kind == kind && key.state == State::pending && key.made > used->made;
  });
}

}  // namespace

KeyChanges follow(const std::vector<SeenKey>& keys, const RotationRules& rules, WallTime now) {
  std::vector<DkimKeyRow> next;
  for (const SeenKey& seen : keys) {
    DkimKeyRow key = seen.key;
    if (const State state = next_state(seen, rules, now); state != key.state) {
      enter(key, state, now);
    }
    next.push_back(std::move(key));
  }
  for (const KeyKind kind : {KeyKind::rsa, KeyKind::ed25519}) {
    const DkimKeyRow* used = newest_active(next, kind);
    if (used == nullptr) continue;
    for (DkimKeyRow& key : next) {
      if (key.kind == kind && key.state == State::active && &key != used) {
        enter(key, State::retired, now);
      }
    }
  }
  KeyChanges changes;
  for (std::size_t i = 0; i < next.size(); ++i) {
    DkimKeyRow& key = next[i];
    const DkimKeyRow* used = newest_active(next, key.kind);
    const bool overtaken = key.state == State::pending && used != nullptr && key.made < used->made;
    const bool forgotten = key.state == State::revoked && keys[i].sight == Sight::absent;
    if (overtaken || forgotten) {
      changes.removed.push_back(key.selector);
    } else if (key.state != keys[i].key.state) {
      if (key.state == State::revoked) key.private_key.clear();
      changes.changed.push_back(key);
    }
  }
  changes.new_ones_due = rules.on_schedule && (is_due(next, KeyKind::rsa, rules, now) ||
                                               is_due(next, KeyKind::ed25519, rules, now));
  return changes;
}

std::string new_selector(const std::vector<DkimKeyRow>& keys, KeyKind kind, WallTime now) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(now));
  const auto two = [](unsigned number) { return concat(number < 10 ? "0" : "", number); };
  const std::string base =
      concat(static_cast<int>(day.year()), two(static_cast<unsigned>(day.month())),
             two(static_cast<unsigned>(day.day())), '-', to_string(kind));
  std::string selector = base;
  for (int number = 2; std::ranges::find(keys, selector, &DkimKeyRow::selector) != keys.end();
       ++number) {
    selector = concat(base, '-', number);
  }
  return selector;
}

}  // namespace mail::signing
