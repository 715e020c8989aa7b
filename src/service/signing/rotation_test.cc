#include "service/signing/rotation.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::signing {
namespace {

using crypto::KeyKind;
using std::chrono::days;
using State = DkimKeyState;

constexpr WallTime kNow{Milliseconds(1'795'325'077'000)};  // Sun, 22 Nov 2026

SeenKey key(std::string selector, State state, Sight sight, int age_days = 0,
            KeyKind kind = KeyKind::rsa) {
  SeenKey seen;
  seen.key.domain = "yahoo.test";
  seen.key.selector = std::move(selector);
  seen.key.kind = kind;
  seen.key.state = state;
  seen.key.made = kNow - days(age_days);
  seen.key.changed = seen.key.made;
  seen.key.private_key = "sealed";
  seen.sight = sight;
  return seen;
}

// "new=active old=retired -gone +due"
std::string after(const std::vector<SeenKey>& keys, const RotationRules& rules = {},
                  WallTime now = kNow) {
  std::string out;
  const KeyChanges changes = follow(keys, rules, now);
  for (const DkimKeyRow& row : changes.changed) {
    append(out, row.selector, '=', to_string(row.state), ' ');
    EXPECT_EQ(row.changed, now);
    EXPECT_EQ(row.private_key.empty(), row.state == State::revoked);
  }
  for (const std::string& selector : changes.removed) append(out, '-', selector, ' ');
  if (changes.new_ones_due) out += "+due ";
  if (!out.empty()) out.pop_back();
  return out;
}

TEST(Rotation, AKeyIsUsedOnceTheDnsShowsIt) {
  EXPECT_EQ(after({key("a", State::pending, Sight::absent)}), "");
  EXPECT_EQ(after({key("a", State::pending, Sight::unknown)}), "");
  EXPECT_EQ(after({key("a", State::pending, Sight::other)}), "");
  EXPECT_EQ(after({key("a", State::pending, Sight::shown)}), "a=active");
}

TEST(Rotation, AKeyTheDnsShowsNoMoreIsNotUsed) {
  EXPECT_EQ(after({key("a", State::active, Sight::shown)}), "");
  EXPECT_EQ(after({key("a", State::active, Sight::absent)}), "a=pending");
  EXPECT_EQ(after({key("a", State::active, Sight::other)}), "a=pending");
}

TEST(Rotation, ADnsThatDoesNotAnswerChangesNothing) {
  EXPECT_EQ(
      after({key("a", State::active, Sight::unknown), key("b", State::pending, Sight::unknown),
             key("c", State::revoked, Sight::unknown)}),
      "");
}

TEST(Rotation, TheNewOneTakesOverAndTheOldOneRetires) {
  EXPECT_EQ(after({key("old", State::active, Sight::shown, 100),
                   key("new", State::pending, Sight::shown)}),
            "old=retired new=active");
  // Of the other kind, so it goes on.
  EXPECT_EQ(after({key("old", State::active, Sight::shown, 100, KeyKind::ed25519),
                   key("new", State::pending, Sight::shown)}),
            "new=active");
}

TEST(Rotation, TheOldOneGoesOnWhileTheNewOneIsNotThere) {
  EXPECT_EQ(after({key("old", State::active, Sight::shown, 100),
                   key("new", State::pending, Sight::absent)}),
            "");
}

TEST(Rotation, OnePendingOfTwoIsForgottenWhenTheLaterOneIsUsed) {
  EXPECT_EQ(
      after({key("a", State::pending, Sight::absent, 10), key("b", State::pending, Sight::shown)}),
      "b=active -a");
}

TEST(Rotation, ARetiredKeyIsRevokedInTimeAndForgottenWhenItsRecordHasGone) {
  const RotationRules rules;
  const SeenKey retired = key("a", State::retired, Sight::shown);
  EXPECT_EQ(after({retired}, rules, kNow + rules.retired_for - days(1)), "");
  EXPECT_EQ(after({retired}, rules, kNow + rules.retired_for), "a=revoked");
  EXPECT_EQ(after({key("a", State::revoked, Sight::shown)}), "");
  EXPECT_EQ(after({key("a", State::revoked, Sight::absent)}), "-a");
}

TEST(Rotation, AForcedKeyIsUsedWhateverTheDnsShows) {
  SeenKey forced = key("a", State::pending, Sight::absent);
  forced.key.forced = true;
  EXPECT_EQ(after({forced}), "a=active");
  forced.key.state = State::active;
  EXPECT_EQ(after({forced}), "");
  // And retires like any other.
  EXPECT_EQ(after({forced, key("b", State::pending, Sight::shown, -1)}), "a=retired b=active");
}

TEST(Rotation, TheScheduleAsksForNewKeysOnce) {
  RotationRules rules;
  rules.on_schedule = true;
  rules.rotate_after = days(180);
  const SeenKey used = key("a", State::active, Sight::shown, 180);
  EXPECT_EQ(after({used}, rules), "+due");
  EXPECT_EQ(after({used, key("b", State::pending, Sight::absent)}, rules), "");
  EXPECT_EQ(after({key("a", State::active, Sight::shown, 179)}, rules), "");
  EXPECT_EQ(after({key("a", State::pending, Sight::absent, 500)}, rules), "");
  rules.on_schedule = false;
  EXPECT_EQ(after({used}, rules), "");
}

TEST(Rotation, SelectorsAreNamedByDayAndKind) {
  std::vector<DkimKeyRow> keys;
  EXPECT_EQ(new_selector(keys, KeyKind::rsa, kNow), "20261122-rsa");
  keys.push_back(key("20261122-rsa", State::active, Sight::shown).key);
  EXPECT_EQ(new_selector(keys, KeyKind::ed25519, kNow), "20261122-ed25519");
  EXPECT_EQ(new_selector(keys, KeyKind::rsa, kNow), "20261122-rsa-2");
  keys.push_back(key("20261122-rsa-2", State::active, Sight::shown).key);
  EXPECT_EQ(new_selector(keys, KeyKind::rsa, kNow), "20261122-rsa-3");
}

}  // namespace
}  // namespace mail::signing
