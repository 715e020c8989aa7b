// One that hangs is left alone after a while, and tried again later.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "platform/net/io_thread.h"
#include "service/neighbours/clamd_judge.h"
#include "service/neighbours/neighbours_test_host.h"

namespace mail {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

// On a clock that stands still between its turns: what is due is due at once, or never.
class GivenUp : public Neighbours {
 protected:
  Verdict ask_at(Judge& judge, Milliseconds later = 0ms) {
    time_.advance(later);
    const Case of{listener_, client_, transaction_, evidence_};
    const std::unique_ptr<Hearing> hearing = judge.open(of);
    return net::run_task(still_, ask(*hearing, transaction_, draft_, std::string(kBody)));
  }
  static std::string why(const Verdict& verdict) {
    const auto* defer = std::get_if<Defer>(&verdict);
    return defer == nullptr ? "not deferred" : defer->reason;
  }

  ManualClock time_{WallTime(Milliseconds(1'800'000'000'000))};
  net::IoThread still_{time_};
};

TEST_F(GivenUp, OneThatHangsIsLeftAloneForAWhileAndThenTriedByOne) {
  Peer silent(nullptr);
  settings_.address = silent.address;
  settings_.timeout = 0ms;
  ClamdJudge clamd(settings_, time_);
  for (std::uint32_t i = 0; i < kMissesUntilGivenUp; ++i) {
    EXPECT_NE(why(ask_at(clamd)).find("too long"), std::string::npos) << i;
  }
  EXPECT_NE(why(ask_at(clamd)).find("5 times in a row"), std::string::npos);
  EXPECT_NE(why(ask_at(clamd, kGivenUpFor - 1s)).find("5 times in a row"), std::string::npos);
  EXPECT_NE(why(ask_at(clamd, 1s)).find("too long"), std::string::npos);  // the one
  EXPECT_NE(why(ask_at(clamd)).find("5 times in a row"), std::string::npos);
}

TEST_F(GivenUp, OneAnswerAndItIsBack) {
  Peer silent(nullptr);
  settings_.timeout = 0ms;
  settings_.address = silent.address;
  Neighbour neighbour(settings_, time_);
  const auto open = [&] { return net::run_task(still_, neighbour.open(time_.mono_now())); };
  for (std::uint32_t i = 0; i < kMissesUntilGivenUp; ++i) {
    auto line = open();
    ASSERT_TRUE(line);
    EXPECT_EQ(net::run_task(still_, (*line)->receive(time_.mono_now())).error().code,
              Errc::deadline_exceeded);
  }
  EXPECT_EQ(open().error().code, Errc::unavailable);
  // One that goes without having learnt anything leaves its place to the next.
  time_.advance(kGivenUpFor);
  EXPECT_TRUE(open());
  auto trial = open();
  ASSERT_TRUE(trial);
  EXPECT_EQ(open().error().code, Errc::unavailable);
}

TEST_F(GivenUp, WhoAnswersInBetweenIsNot) {
  settings_.timeout = 0ms;
  for (const bool answers : {true, false}) {
    Peer good([](Peer::Talk& talk) { talk.say("x"sv); });
    settings_.address = good.address;
    Neighbour neighbour(settings_, time_);
    const MonoTime now = time_.mono_now();
    auto kept = net::run_task(still_, neighbour.open(now + 1h));
    ASSERT_TRUE(kept);
    auto silent = net::run_task(still_, neighbour.open(now + 1h));
    ASSERT_TRUE(silent);
    for (std::uint32_t i = 0; i < kMissesUntilGivenUp; ++i) {
      if (answers && i == 2) {
        EXPECT_TRUE(net::run_task(still_, (*kept)->receive(now + 1h)));
      }
      auto line = net::run_task(still_, neighbour.open(now + 1h));
      ASSERT_TRUE(line);
      EXPECT_FALSE(net::run_task(still_, (*line)->receive(now)));
    }
    EXPECT_EQ(net::run_task(still_, neighbour.open(now + 1h)).has_value(), answers);
    // What was begun before is not waited for either.
    if (!answers) {
      EXPECT_EQ(net::run_task(still_, (*silent)->receive(now + 1h)).error().code,
                Errc::unavailable);
    }
  }
}

TEST_F(GivenUp, ARefusedConnectionCostsNobodyTime) {
  settings_.address = "/nowhere/peer.sock";
  ClamdJudge clamd(settings_, time_);
  for (std::uint32_t i = 0; i < 2 * kMissesUntilGivenUp; ++i) {
    EXPECT_NE(why(ask_at(clamd)).find("cannot connect"), std::string::npos) << i;
  }
}

// What would be taken without it is not taken because we stop.
TEST_F(GivenUp, AStopWaitsForNobody) {
  Peer silent(nullptr);
  settings_.address = silent.address;
  settings_.timeout = 1h;
  settings_.accept_when_away = true;
  ClamdJudge clamd(settings_, time_);
  clamd.hurry(0ms);
  EXPECT_NE(why(ask_at(clamd)).find("we stop"), std::string::npos);
}

}  // namespace
}  // namespace mail
