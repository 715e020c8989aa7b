#include "service/policy/verdict.h"

#include <gtest/gtest.h>

#include "base/executor.h"
#include "base/text.h"

namespace mail {
namespace {

// Says one thing of every message and counts how often it was asked.
class Fixed final : public Judge {
 public:
  explicit Fixed(Verdict verdict) : verdict_(std::move(verdict)) {}
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Voice>(*this); }
  int asked = 0;

 private:
  struct Voice final : Hearing {
    explicit Voice(Fixed& fixed) : judge(fixed) {}
    Task<Verdict> message(Draft&) override {
      ++judge.asked;
      co_return judge.verdict_;
    }
    Fixed& judge;
  };
  Verdict verdict_;
};

// Has nothing to say of anybody.
class Absent final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case&) override { return nullptr; }
};

// A judge whose hearings override nothing.
class Silent final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Hearing>(); }
};

class TrialTest : public testing::Test {
 protected:
  bool empty(const std::vector<Judge*>& judges) {
    return Trial(judges, listener_, client_, transaction_).empty();
  }
  Verdict judge(const std::vector<Judge*>& judges) {
    Trial trial(judges, listener_, client_, transaction_);
    Draft draft;
    return block_on(loop_, trial.message(draft));
  }
  bool accepts_all(const std::vector<Judge*>& judges) {
    Trial trial(judges, listener_, client_, transaction_);
    Draft draft;
    return std::holds_alternative<Accept>(block_on(loop_, trial.sender({}))) &&
           std::holds_alternative<Accept>(block_on(loop_, trial.recipient({}))) &&
           std::holds_alternative<Accept>(block_on(loop_, trial.message(draft)));
  }
  LoopExecutor loop_;
  smtp::SmtpListener listener_;
  smtp::Client client_;
  smtp::Transaction transaction_;
};

TEST_F(TrialTest, WithoutHearingsItAccepts) {
  Absent absent;
  EXPECT_TRUE(empty({}));
  EXPECT_TRUE(empty({&absent}));
  EXPECT_TRUE(accepts_all({}));
}

TEST_F(TrialTest, AHearingWithoutOpinionAccepts) {
  Silent silent;
  EXPECT_FALSE(empty({&silent}));
  EXPECT_TRUE(accepts_all({&silent}));
}

// Listens to messages alone.
class Reader final : public Judge {
 public:
  struct Voice final : Hearing {
    bool hears_envelope() const override { return false; }
  };
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Voice>(); }
};

TEST_F(TrialTest, TheEnvelopeIsHeardWhereAnyHearingWantsIt) {
  Reader reader;
  Silent silent;
  const auto hears_envelope = [this](const std::vector<Judge*>& judges) {
    return Trial(judges, listener_, client_, transaction_).hears_envelope();
  };
  EXPECT_FALSE(hears_envelope({&reader, &reader}));
  EXPECT_TRUE(hears_envelope({&reader, &silent}));
  EXPECT_FALSE(hears_envelope({}));
}

TEST_F(TrialTest, FieldsAndTagsAddUpAndTheLastFolderCounts) {
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

TEST_F(TrialTest, HoldWinsOverAcceptAndLetsTheOthersSpeak) {
  Fixed hold(Hold{"first"});
  Fixed again(Hold{"second"});
  Fixed accept(Accept{});
  const Verdict verdict = judge({&hold, &again, &accept});
  const Hold* held = std::get_if<Hold>(&verdict);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->reason, "first");
  EXPECT_EQ(accept.asked, 1);
}

TEST_F(TrialTest, TheFirstRejectDeferOrDiscardEndsIt) {
  for (const Verdict& last :
       {Verdict(Reject{"no"}), Verdict(Defer{"later"}), Verdict(Discard{"gone"})}) {
    Fixed hold(Hold{"held"});
    Fixed end(last);
    Fixed never(Accept{});
    EXPECT_EQ(judge({&hold, &end, &never}).index(), last.index());
    EXPECT_EQ(never.asked, 0);
  }
}

// Signals one thing of the connection and one of each sender.
class Noting final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case& of) override {
    of.evidence.signals.push_back({"client", 2});
    return std::make_unique<Voice>(of);
  }

 private:
  struct Voice final : Hearing {
    explicit Voice(const Case& of) : about(of) {}
    Task<Verdict> sender(const ReversePath&) override {
      about.evidence.signals.push_back({"sender", -0.5});
      about.evidence.findings = std::make_shared<mailauth::Findings>();
      co_return Accept{};
    }
    const Case& about;
  };
};

TEST_F(TrialTest, WhatIsLearntOfATransactionGoesWithIt) {
  Noting noting;
  const std::vector<Judge*> judges{&noting};
  Trial trial(judges, listener_, client_, transaction_);
  EXPECT_EQ(trial.evidence().score(), 2);
  block_on(loop_, trial.sender({}));
  EXPECT_EQ(trial.evidence().score(), 1.5);
  EXPECT_NE(trial.evidence().findings, nullptr);
  trial.end_transaction();
  EXPECT_EQ(trial.evidence().score(), 2);
  EXPECT_EQ(trial.evidence().findings, nullptr);
}

// Keeps what it hears.
class Listening final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Voice>(heard); }
  std::string heard;

 private:
  struct Voice final : Hearing {
    explicit Voice(std::string& out) : heard(out) {}
    Task<void> header(std::string_view block) override {
      append(heard, '[', block, ']');
      co_return;
    }
    Task<void> body(std::string_view piece) override {
      append(heard, '(', piece, ')');
      co_return;
    }
    void end_transaction() override { heard += '.'; }
    std::string& heard;
  };
};

TEST_F(TrialTest, EveryHearingHearsAll) {
  Listening one;
  Listening two;
  const std::vector<Judge*> judges{&one, &two};
  Trial trial(judges, listener_, client_, transaction_);
  block_on(loop_, trial.header("A: b\r\n"));
  block_on(loop_, trial.body("x"));
  block_on(loop_, trial.body("y"));
  trial.end_transaction();
  EXPECT_EQ(one.heard, "[A: b\r\n](x)(y).");
  EXPECT_EQ(two.heard, one.heard);
}

}  // namespace
}  // namespace mail
