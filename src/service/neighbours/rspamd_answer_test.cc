#include "service/neighbours/rspamd_answer.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

using Action = RspamdAnswer::Action;

TEST(RspamdAnswer, SaysWhatToDoAndWhy) {
  const auto answer = parse_rspamd_answer(
      R"({"is_skipped":true,"score":15.0,"required_score":15.0,"action":"reject","symbols":{},)"
      R"("messages":{"smtp_message":"Gtube\r\npattern"},"message-id":"1@b.test"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->action, Action::reject);
  EXPECT_EQ(answer->message, "Gtube  pattern");
  EXPECT_EQ(answer->score, 10);
}

TEST(RspamdAnswer, CountsItsScoreAgainstItsOwnLimit) {
  const auto score = [](std::string_view members) {
    return parse_rspamd_answer(concat(R"({"action":"no action")", members, "}"))->score;
  };
  EXPECT_EQ(score(R"(,"score":3,"required_score":15)"), 2);
  EXPECT_EQ(score(R"(,"score":-1.5,"required_score":15)"), -1);
  EXPECT_EQ(score(R"(,"score":3)"), 0);
  EXPECT_EQ(score(R"(,"score":"much","required_score":0)"), 0);
}

TEST(RspamdAnswer, AsksForChangesOfTheHeader) {
  const auto answer = parse_rspamd_answer(
      R"({"action":"rewrite subject","subject":"*** SPAM *** Cheese","milter":{)"
      R"("remove_headers":{"X-Spam":0,"X-Odd":"no","X-Last":-1,"X-First":1},)"
      R"("add_headers":{"X-A":"1","X-B":{"value":"2","order":1},"X-C":["3",{"value":"4"}]}}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->action, Action::rewrite_subject);
  EXPECT_EQ(answer->subject, "*** SPAM *** Cheese");
  std::string asked;
  for (const HeaderChange& change : answer->changes) {
    append(asked, static_cast<int>(change.kind), ' ', change.index, ' ', change.name, change.value,
           '\n');
  }
  EXPECT_EQ(asked, "3 0 X-Spam\n3 1 X-First\n0 0 X-A 1\n1 1 X-B 2\n0 0 X-C 3\n0 0 X-C 4\n");
}

TEST(RspamdAnswer, ItsModulesMayAskForQuarantine) {
  const auto action = [](std::string_view word) {
    return parse_rspamd_answer(
               concat(R"({"action":"add header","milter":{"reject":")", word, R"("}})"))
        ->action;
  };
  EXPECT_EQ(action("quarantine"), Action::quarantine);
  EXPECT_EQ(action("discard"), Action::discard);
  EXPECT_EQ(action("other"), Action::add_header);
}

TEST(RspamdAnswer, WhatIsNoneIsAnError) {
  const auto code = [](std::string_view text) {
    const auto answer = parse_rspamd_answer(text);
    return answer ? Errc::closed : answer.error().code;
  };
  EXPECT_EQ(code(R"({"error":"Cannot process message"})"), Errc::unavailable);
  EXPECT_EQ(code(R"({"action":"shout"})"), Errc::bad_syntax);
  EXPECT_EQ(code("{}"), Errc::bad_syntax);
  EXPECT_EQ(code("[]"), Errc::bad_syntax);
  EXPECT_EQ(code("no JSON"), Errc::bad_syntax);
}

}  // namespace
}  // namespace mail
