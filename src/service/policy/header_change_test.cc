#include "service/policy/header_change.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

using Kind = HeaderChange::Kind;

constexpr std::string_view kTrace = "Received: by mx.yahoo.test\r\n";
constexpr std::string_view kSeen =
    "Received: by a\r\nFrom: tom@gmail.test\r\nX-Spam: one\r\nSubject: Cheese\r\nX-Spam: two\r\n";
constexpr std::string_view kBody = "Hello\r\n";

Draft draft_of(std::string_view block) {
  Draft draft;
  draft.content = concat(kTrace, block, "\r\n", kBody);
  draft.header_size = static_cast<std::uint32_t>(draft.content.size() - kBody.size());
  draft.size = draft.content.size() + 1000;  // chunks behind
  return draft;
}

// The block behind our trace field, once it is checked that all of the draft goes together.
std::string block_of(const Draft& draft) {
  EXPECT_TRUE(draft.content.ends_with(concat("\r\n\r\n", kBody)));
  EXPECT_EQ(draft.header_size, draft.content.size() - kBody.size());
  EXPECT_EQ(draft.size, draft.content.size() + 1000);
  EXPECT_TRUE(draft.content.starts_with(kTrace)) << draft.content;
  return draft.content.substr(kTrace.size(), draft.header_size - kTrace.size() - 2);
}

std::string changed(std::vector<HeaderChange> changes) {
  Draft draft = draft_of(kSeen);
  EXPECT_TRUE(change_header(draft, kSeen, changes));
  return block_of(draft);
}

TEST(HeaderChange, FieldsAreAppendedAndInserted) {
  EXPECT_EQ(changed({{Kind::append, 0, "X-Last", " 1"}}), concat(kSeen, "X-Last: 1\r\n"));
  EXPECT_EQ(changed({{Kind::insert, 1, "X-First", " 1"}}), concat("X-First: 1\r\n", kSeen));
  EXPECT_EQ(changed({{Kind::insert, 99, "X-Last", " 1"}}), concat(kSeen, "X-Last: 1\r\n"));
  Draft draft = draft_of(kSeen);
  const HeaderChange top{Kind::insert, 0, "X-Top", " 1"};
  ASSERT_TRUE(change_header(draft, kSeen, {&top, 1}));
  EXPECT_TRUE(draft.content.starts_with(concat("X-Top: 1\r\n", kTrace)));
}

TEST(HeaderChange, CountsAsItWasSeenWhateverWentBefore) {
  // The second X-Spam stays the second, though the first has gone; ours is no Received of theirs.
  EXPECT_EQ(changed({{Kind::remove, 1, "x-spam"},
                     {Kind::replace, 2, "X-SPAM", " 2"},
                     {Kind::replace, 1, "Received", " by b"}}),
            "Received: by b\r\nFrom: tom@gmail.test\r\nSubject: Cheese\r\nX-SPAM: 2\r\n");
}

TEST(HeaderChange, RemovesAllOfAName) {
  EXPECT_EQ(changed({{Kind::remove, 0, "X-Spam"}, {Kind::remove, 1, "X-None"}}),
            "Received: by a\r\nFrom: tom@gmail.test\r\nSubject: Cheese\r\n");
}

TEST(HeaderChange, ReplacesWhatAnotherJudgeHasReplacedAlready) {
  Draft draft = draft_of(kSeen);
  const HeaderChange first{Kind::replace, 1, "Subject", " [one] Cheese"};
  ASSERT_TRUE(change_header(draft, kSeen, {&first, 1}));
  EXPECT_EQ(draft.subject, "[one] Cheese");
  const HeaderChange second{Kind::replace, 1, "Subject", " [two] Cheese"};
  ASSERT_TRUE(change_header(draft, kSeen, {&second, 1}));
  EXPECT_EQ(draft.subject, "[two] Cheese");
  EXPECT_EQ(draft.content.find("[one]"), std::string::npos);
  EXPECT_EQ(changed({{Kind::replace, 1, "X-New", " 1"}}), concat(kSeen, "X-New: 1\r\n"));
}

TEST(HeaderChange, FoldsAreMadeRight) {
  EXPECT_EQ(changed({{Kind::append, 0, "X", " a\n\tb\r\nc\rd\n \n"}}),
            concat(kSeen, "X: a\r\n\tb\r\n\tc\r\n\td\r\n"));
}

TEST(HeaderChange, WhatIsNoFieldChangesNothing) {
  const auto refused = [](HeaderChange change) {
    Draft draft = draft_of(kSeen);
    const Draft before = draft;
    const auto done = change_header(draft, kSeen, {&change, 1});
    EXPECT_EQ(draft.content, before.content);
    return done ? Errc::closed : done.error().code;
  };
  EXPECT_EQ(refused({Kind::append, 0, "", " x"}), Errc::bad_syntax);
  EXPECT_EQ(refused({Kind::append, 0, "X: a\r\nY", " x"}), Errc::bad_syntax);
  EXPECT_EQ(refused({Kind::append, 0, "X", std::string(" \0", 2)}), Errc::bad_syntax);
  EXPECT_EQ(refused({Kind::append, 0, "X", std::string(300'000, 'x')}), Errc::too_large);
}

TEST(HeaderChange, FieldsGoOnTop) {
  Draft draft = draft_of(kSeen);
  prepend_fields(draft, "X-A: 1\r\n");
  EXPECT_TRUE(draft.content.starts_with(concat("X-A: 1\r\n", kTrace)));
  EXPECT_EQ(draft.header_size, draft.content.size() - kBody.size());
  EXPECT_EQ(draft.size, draft.content.size() + 1000);
}

}  // namespace
}  // namespace mail
