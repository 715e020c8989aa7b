#include "service/report/due_notice.h"

#include <gtest/gtest.h>

namespace mail::report {
namespace {

using enum record::NoticeKind;

constexpr Notify kUnsaid{};
constexpr Notify kNever{.said = true};
constexpr Notify kSuccess{.said = true, .success = true};
constexpr Notify kFailure{.said = true, .failure = true};
constexpr Notify kDelay{.said = true, .delay = true};

bool due(record::NoticeKind kind, const Notify& notify, bool local = false) {
  return is_due(kind, notify, "tom@gmail.test", local);
}

TEST(DueNotice, AFailureIsToldUnlessNotifySaysOtherwise) {
  EXPECT_TRUE(due(failed, kUnsaid));
  EXPECT_TRUE(due(failed, kFailure));
  EXPECT_FALSE(due(failed, kNever));
  EXPECT_FALSE(due(failed, kSuccess));
  EXPECT_FALSE(due(failed, kDelay));
}

TEST(DueNotice, ADelayIsToldOnRequestAndToOurOwnPeopleUnlessTheySaidNotTo) {
  EXPECT_FALSE(due(delayed, kUnsaid));
  EXPECT_TRUE(due(delayed, kUnsaid, true));
  EXPECT_TRUE(due(delayed, kDelay));
  EXPECT_FALSE(due(delayed, kFailure, true));  // RFC 3461 §4.1: without DELAY, never
  EXPECT_FALSE(due(delayed, kNever, true));
}

TEST(DueNotice, SuccessIsToldOnRequestOnly) {
  for (const record::NoticeKind kind : {delivered, relayed, expanded}) {
    EXPECT_TRUE(due(kind, kSuccess));
    EXPECT_FALSE(due(kind, kUnsaid, true));
    EXPECT_FALSE(due(kind, kFailure, true));
    EXPECT_FALSE(due(kind, kNever, true));
  }
}

TEST(DueNotice, NothingIsToldToTheNullPath) {
  for (const record::NoticeKind kind : {failed, delayed, delivered, relayed, expanded}) {
    for (const Notify& notify : {kUnsaid, kSuccess, kFailure, kDelay, kNever}) {
      EXPECT_FALSE(is_due(kind, notify, "", true));
    }
  }
}

}  // namespace
}  // namespace mail::report
