#include "service/store/ledger.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

using enum record::EventKind;

record::Event told(record::EventKind kind, std::string recipient,
                   std::vector<std::string> recipients = {}) {
  return {MessageId{}, kind, WallTime{}, std::move(recipient), std::move(recipients), {}};
}

std::string states(const std::vector<record::Event>& events) {
  std::string text;
  for (const RecipientState& state : recipient_states(events)) {
    text += state.recipient + ":" +
            (state.state ? std::string(record::to_string(*state.state)) : "queued") + " ";
  }
  return text;
}

TEST(Ledger, ARecipientIsQueuedUntilAnEventSaysOtherwiseAndTheLastOneCounts) {
  EXPECT_EQ(states({told(received, "", {"a", "b"})}), "a:queued b:queued ");
  EXPECT_EQ(states({told(received, "", {"a", "b"}), told(deferred, "b"), told(delivered, "b")}),
            "a:queued b:delivered ");
  EXPECT_EQ(states({told(received, "", {"a"}), told(held, "a"), told(delivered, "a")}),
            "a:delivered ");
}

TEST(Ledger, ExpansionPutsTheMembersInPlaceOfTheAlias) {
  EXPECT_EQ(states({told(received, "", {"all"}), told(expanded, "all", {"a", "b"}),
                    told(delivered, "a")}),
            "a:delivered b:queued ");
  EXPECT_EQ(states({told(received, "", {"all", "a"}), told(expanded, "all", {"b"}),
                    told(delivered, "a"), told(delivered, "b")}),
            "a:delivered b:delivered ");
}

TEST(Ledger, AnAddressGivenTwiceIsTwoRecipients) {
  EXPECT_EQ(states({told(received, "", {"a", "a"}), told(delivered, "a"), told(delivered, "a")}),
            "a:delivered a:delivered ");
}

TEST(Ledger, ReceivedIsToldEvenWhereTheDraftForgot) {
  Draft draft;
  draft.id = MessageId::make(1, 0, 0);
  draft.recipients = {"a"};
  draft.deliveries.push_back({ToMailbox{AccountId{1}}, {"a"}, "", ""});
  const auto events = all_events(draft, WallTime{});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, received);
  EXPECT_EQ(events[0].recipients, std::vector<std::string>{"a"});
  EXPECT_EQ(events[1].kind, delivered);
}

TEST(Ledger, DraftsThatMakeNoSenseAreRefused) {
  Draft draft;
  EXPECT_FALSE(validate(draft));
  draft.id = MessageId::make(1, 0, 0);
  EXPECT_FALSE(validate(draft));
  draft.deliveries.push_back({ToMailbox{AccountId{1}}, {"a", "b"}, "", ""});
  EXPECT_FALSE(validate(draft));
  draft.deliveries[0].recipients = {"a"};
  EXPECT_TRUE(validate(draft));
  draft.deliveries.push_back({Held{"why"}, {}, "", ""});
  EXPECT_FALSE(validate(draft));
}

}  // namespace
}  // namespace mail
