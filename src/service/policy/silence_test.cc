#include "service/policy/silence.h"

#include <gtest/gtest.h>

#include "service/policy/header_change.h"

namespace mail {
namespace {

Draft asked_for_everything() {
  const Notify all{.said = true, .success = true, .failure = true, .delay = true};
  Draft draft;
  draft.recipients = {Recipient("a@b.test", all, ""), Recipient("c@b.test")};
  draft.deliveries.push_back(
      {.target = Held{}, .recipients = draft.recipients, .reverse_path = {}, .added_fields = {}});
  for (const auto kind :
       {record::NoticeKind::failed, record::NoticeKind::delivered, record::NoticeKind::expanded}) {
    draft.notices.emplace_back().kind = kind;
  }
  return draft;
}

TEST(Silence, SuccessesAreToldToNobodyAndFailuresAre) {
  Draft draft = asked_for_everything();
  silence(draft, Silence::successes);
  const Notify failures{.said = true, .success = false, .failure = true, .delay = false};
  for (const Recipient& each : draft.recipients) EXPECT_EQ(each.notify, failures);
  for (const Recipient& each : draft.deliveries[0].recipients) EXPECT_EQ(each.notify, failures);
  ASSERT_EQ(draft.notices.size(), 1U);
  EXPECT_EQ(draft.notices[0].kind, record::NoticeKind::failed);
}

TEST(Silence, EverythingIsNever) {
  Draft draft = asked_for_everything();
  silence(draft, Silence::everything);
  for (const Recipient& each : draft.recipients) EXPECT_TRUE(each.notify.never());
  for (const Recipient& each : draft.deliveries[0].recipients) EXPECT_TRUE(each.notify.never());
  EXPECT_TRUE(draft.notices.empty());
}

TEST(HeaderChange, SizesGoWithTheContent) {
  Draft draft;
  draft.content = "A: b\r\n\r\nbody";
  draft.header_size = 8;
  draft.size = 1000;  // more is staged
  prepend_fields(draft, "New: x\r\n");
  EXPECT_EQ(draft.content, "New: x\r\nA: b\r\n\r\nbody");
  EXPECT_EQ(draft.header_size, 16U);
  EXPECT_EQ(draft.size, 1008U);
  draft.content.erase(0, 8);
  count_removed(draft, 8);
  EXPECT_EQ(draft.content.substr(draft.header_size), "body");
  EXPECT_EQ(draft.size, 1000U);
}

}  // namespace
}  // namespace mail
