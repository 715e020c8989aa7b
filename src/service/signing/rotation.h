// How signing keys come and go: made (pending), shown by the DNS and used (active), no longer used
// (retired), their private half destroyed (revoked), forgotten. Never used while the DNS does not
// show them, unless an operator said so. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "service/directory/dkim_key_row.h"
#include "service/signing/key_record.h"

namespace mail::signing {

struct RotationRules {
  bool on_schedule = false;
  std::chrono::seconds rotate_after{180 * 86'400};  // in use
  std::chrono::seconds retired_for{14 * 86'400};    // so long its record still serves
};

// What follows from what was seen of the keys of one domain, oldest first.
struct KeyChanges {
  std::vector<DkimKeyRow> changed;   // in their new states
  std::vector<std::string> removed;  // selectors
  bool new_ones_due = false;         // by the schedule
};
struct SeenKey {
  DkimKeyRow key;
  Sight sight = Sight::unknown;
};
KeyChanges follow(const std::vector<SeenKey>& keys, const RotationRules& rules, WallTime now);

// For a new key of `kind`: by the day, and a number where the day has one already.
std::string new_selector(const std::vector<DkimKeyRow>& keys, crypto::KeyKind kind, WallTime now);

}  // namespace mail::signing
