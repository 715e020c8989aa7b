#include "service/policy/verdict.h"

#include <gtest/gtest.h>

#include "base/executor.h"

namespace mail {
namespace {

// Says one thing of every message and counts how often it was asked.
class Fixed final : public Judge {
 public:
  explicit Fixed(Verdict verdict) : verdict_(std::move(verdict)) {}
  Task<Verdict> message(const smtp::Client&, Draft&) override {
    ++asked;
    co_return verdict_;
  }
  int asked = 0;

 private:
  Verdict verdict_;
};

Verdict judge(std::vector<Judge*> judges) {
  JudgeChain chain(std::move(judges));
  LoopExecutor loop;
  const smtp::Client client;
  Draft draft;
  return block_on(loop, chain.judge(client, draft));
}

TEST(JudgeChain, EmptyAccepts) {
  JudgeChain chain;
  EXPECT_TRUE(chain.empty());
  LoopExecutor loop;
  const smtp::Client client;
  const smtp::Transaction transaction;
  EXPECT_TRUE(std::holds_alternative<Accept>(block_on(loop, chain.sender(client, {}))));
  EXPECT_TRUE(
      std::holds_alternative<Accept>(block_on(loop, chain.recipient(client, transaction, {}))));
  EXPECT_TRUE(std::holds_alternative<Accept>(judge({})));
}

TEST(JudgeChain, AJudgeWithoutOpinionAccepts) {
  Judge silent;
  JudgeChain chain({&silent});
  LoopExecutor loop;
  const smtp::Client client;
  const smtp::Transaction transaction;
  EXPECT_TRUE(std::holds_alternative<Accept>(block_on(loop, chain.sender(client, {}))));
  EXPECT_TRUE(
      std::holds_alternative<Accept>(block_on(loop, chain.recipient(client, transaction, {}))));
  EXPECT_TRUE(std::holds_alternative<Accept>(judge({&silent})));
}

TEST(JudgeChain, FieldsAndTagsAddUpAndTheLastFolderCounts) {
  Fixed first(Accept{.added_fields = "A: 1\r\n", .tags = {"a"}, .folder = "Junk"});
  Fixed second(Accept{.added_fields = "B: 2\r\n", .tags = {"b"}, .folder = "Bulk"});
  Fixed third(Accept{});
  const Verdict verdict = judge({&first, &second, &third});
  const Accept* accept = std::get_if<Accept>(&verdict);
  ASSERT_NE(accept, nullptr);
  EXPECT_EQ(accept->added_fields, "A: 1\r\nB: 2\r\n");
  EXPECT_EQ(accept->tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(accept->folder, "Bulk");
}

TEST(JudgeChain, HoldWinsOverAcceptAndLetsTheOthersSpeak) {
  Fixed hold(Hold{"first"});
  Fixed again(Hold{"second"});
  Fixed accept(Accept{});
  const Verdict verdict = judge({&hold, &again, &accept});
  const Hold* held = std::get_if<Hold>(&verdict);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->reason, "first");
  EXPECT_EQ(accept.asked, 1);
}

TEST(JudgeChain, TheFirstRejectDeferOrDiscardEndsIt) {
  for (const Verdict& last :
       {Verdict(Reject{"no"}), Verdict(Defer{"later"}), Verdict(Discard{"gone"})}) {
    Fixed hold(Hold{"held"});
    Fixed end(last);
    Fixed never(Accept{});
    EXPECT_EQ(judge({&hold, &end, &never}).index(), last.index());
    EXPECT_EQ(never.asked, 0);
  }
}

}  // namespace
}  // namespace mail
