// The judges over real sockets, with neighbours that say what the test wants.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/text.h"
#include "codec/milter/packet.h"
#include "service/neighbours/clamd_judge.h"
#include "service/neighbours/milter_judge.h"
#include "service/neighbours/neighbours_test_host.h"
#include "service/neighbours/rspamd_judge.h"

namespace mail {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

std::vector<std::string> tags_of(const Verdict& verdict) {
  const auto* accept = std::get_if<Accept>(&verdict);
  return accept == nullptr ? std::vector<std::string>{"not accepted"} : accept->tags;
}

TEST_F(Neighbours, ClamdHearsTheWholeMessageAndItsWordCounts) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    heard = talk.read_to("\0\0\0\0"sv);
    talk.say("stream: Eicar-Te"sv);
    talk.say("st-Signature FOUND\0"sv);
  });
  settings_.address = peer.address;
  ClamdJudge clamd(settings_, clock_);
  const Verdict verdict = judge(clamd);
  const auto* reject = std::get_if<Reject>(&verdict);
  ASSERT_NE(reject, nullptr);
  EXPECT_EQ(reject->reply, "Virus found: Eicar-Test-Signature");
  EXPECT_TRUE(heard.starts_with("zINSTREAM\0"sv));
  EXPECT_NE(heard.find(kHeader), std::string::npos);
  EXPECT_NE(heard.find(kBody), std::string::npos);
}

TEST_F(Neighbours, ALargeBodyIsPassedOnWhole) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    heard = talk.read_to("\0\0\0\0"sv);
    talk.say("stream: OK\0"sv);
  });
  settings_.address = peer.address;
  ClamdJudge clamd(settings_, clock_);
  EXPECT_TRUE(tags_of(judge(clamd, std::string(900'000, 'x'))).empty());
  EXPECT_EQ(std::ranges::count(heard, 'x'), 900'000);
}

TEST_F(Neighbours, WhatIsOverMaxSizeIsTakenAndTagged) {
  settings_.address = "127.0.0.1:1";
  settings_.max_size = 1000;
  ClamdJudge clamd(settings_, clock_);
  EXPECT_EQ(tags_of(judge(clamd, std::string(2000, 'x'))),
            std::vector<std::string>{"filter not scanned"});
}

TEST_F(Neighbours, WhereNobodyListensMailIsDeferredOrTagged) {
  Peer gone(nullptr);
  settings_.address = concat("/nowhere/", gone.address);
  for (const bool accept : {false, true}) {
    settings_.accept_when_away = accept;
    ClamdJudge clamd(settings_, clock_);
    RspamdJudge rspamd(settings_, clock_);
    MilterJudge milter(settings_, "v", clock_);
    for (Judge* each : std::initializer_list<Judge*>{&clamd, &rspamd, &milter}) {
      const Verdict verdict = judge(*each);
      if (accept) {
        EXPECT_EQ(tags_of(verdict), std::vector<std::string>{"filter away"});
      } else {
        EXPECT_TRUE(std::holds_alternative<Defer>(verdict));
      }
    }
  }
}

TEST_F(Neighbours, OneThatIsSilentIsWaitedForNoLongerThanItsTime) {
  Peer silent(nullptr);
  settings_.address = silent.address;
  settings_.timeout = 100ms;
  ClamdJudge clamd(settings_, clock_);
  RspamdJudge rspamd(settings_, clock_);
  MilterJudge milter(settings_, "v", clock_);
  for (Judge* each : std::initializer_list<Judge*>{&clamd, &rspamd, &milter}) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(std::holds_alternative<Defer>(judge(*each)));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  }
}

TEST_F(Neighbours, OnlySoManyConnectionsAreUsedAtOnce) {
  settings_.connections = 0;
  Peer peer(nullptr);
  settings_.address = peer.address;
  ClamdJudge clamd(settings_, clock_);
  EXPECT_TRUE(std::holds_alternative<Defer>(judge(clamd)));
}

TEST_F(Neighbours, ListenersOfOtherRolesAreNotHeard) {
  listener_.role = smtp::Role::submission;
  const Case of{listener_, client_, transaction_, evidence_};
  EXPECT_EQ(MilterJudge(settings_, "v", clock_).open(of), nullptr);
  EXPECT_EQ(ClamdJudge(settings_, clock_).open(of), nullptr);
  EXPECT_EQ(RspamdJudge(settings_, clock_).open(of), nullptr);
}

std::string rspamd_says(std::string_view json) {
  return concat("HTTP/1.1 200 OK\r\nContent-Length: ", json.size(), "\r\n\r\n", json);
}

TEST_F(Neighbours, RspamdIsGivenTheEnvelopeAndItsScoreIsASignal) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    heard = talk.read_to("0\r\n\r\n");
    talk.say(rspamd_says(R"({"action":"add header","score":7.5,"required_score":15,)"
                         R"("milter":{"add_headers":{"X-Spamd":"yes"}}})"));
  });
  settings_.address = peer.address;
  RspamdJudge rspamd(settings_, clock_);
  const Verdict verdict = judge(rspamd);
  const auto* accept = std::get_if<Accept>(&verdict);
  ASSERT_NE(accept, nullptr);
  EXPECT_EQ(accept->folder, "Junk");
  EXPECT_EQ(accept->tags, std::vector<std::string>{"filter add header"});
  EXPECT_NE(draft_.content.find("X-Spamd: yes\r\n\r\nHello"), std::string::npos);
  ASSERT_EQ(evidence_.signals.size(), 1U);
  EXPECT_EQ(evidence_.signals[0].weight, 5);
  for (const char* field :
       {"POST /checkv2 ", "\r\nFrom: <tom@gmail.test>\r\n", "\r\nRcpt: <jerry@yahoo.test>\r\n",
        "\r\nIp: 192.0.2.1\r\n", "\r\nHelo: mail.gmail.test\r\n"}) {
    EXPECT_NE(heard.find(field), std::string::npos) << field;
  }
}

TEST_F(Neighbours, RspamdRewritesTheSubject) {
  Peer peer([](Peer::Talk& talk) {
    talk.read_to("0\r\n\r\n");
    talk.say(rspamd_says(R"({"action":"rewrite subject","subject":"[SPAM] Cheese"})"));
  });
  settings_.address = peer.address;
  RspamdJudge rspamd(settings_, clock_);
  EXPECT_TRUE(std::holds_alternative<Accept>(judge(rspamd)));
  EXPECT_EQ(draft_.subject, "[SPAM] Cheese");
  EXPECT_NE(draft_.content.find("\r\nSubject: [SPAM] Cheese\r\n\r\nHello"), std::string::npos);
}

TEST_F(Neighbours, RspamdMayHoldDiscardDeferAndRefuse) {
  const auto said = [&](std::string_view action) {
    Peer peer([&](Peer::Talk& talk) {
      talk.read_to("0\r\n\r\n");
      talk.say(rspamd_says(
          concat(R"({"action":")", action, R"(","messages":{"smtp_message":"because"}})")));
    });
    settings_.address = peer.address;
    RspamdJudge rspamd(settings_, clock_);
    return judge(rspamd);
  };
  EXPECT_TRUE(std::holds_alternative<Hold>(said("quarantine")));
  EXPECT_TRUE(std::holds_alternative<Discard>(said("discard")));
  EXPECT_EQ(std::get<Defer>(said("soft reject")).reply, "because");
  EXPECT_EQ(std::get<Reject>(said("reject")).reply, "because");
  EXPECT_TRUE(tags_of(said("greylist")).empty()) << "its own greylisting says soft reject";
}

std::string packet(char code, std::string_view payload = "") {
  std::string out;
  milter::append_packet(out, static_cast<milter::Command>(code), payload);
  return out;
}
// Says what it wants, then one reply to each event up to the end of the message.
void negotiate(Peer::Talk& talk, std::uint32_t steps) {
  std::string options;
  append_big_endian(options, milter::kVersion);
  append_big_endian(options, milter::kOfferedActions);
  append_big_endian(options, steps);
  talk.read_to("\x00\x1f\xf7\xff"sv);
  talk.say(packet('O', options));
}
constexpr std::uint32_t kOnlyTheEnd = milter::kNoConnect | milter::kNoHelo | milter::kNoMail |
                                      milter::kNoRcpt | milter::kNoData | milter::kNoHeaders |
                                      milter::kNoEndOfHeader | milter::kNoBody;
constexpr std::uint32_t kTheWholeMessage = (kOnlyTheEnd & ~(milter::kNoHeaders | milter::kNoBody)) |
                                           milter::kHeaderUnanswered | milter::kBodyUnanswered;

TEST_F(Neighbours, AMilterChangesTheHeader) {
  Peer peer([](Peer::Talk& talk) {
    negotiate(talk, kOnlyTheEnd);
    talk.read_to(packet('E'));
    std::string one;
    append_big_endian(one, std::uint32_t{1});
    talk.say(packet('i', concat(one, "X-A\0yes\0"sv)));
    talk.say(packet('m', concat(one, "Subject\0Mice\0"sv)));
    talk.say(packet('c'));
    talk.read_to(packet('Q'));
  });
  settings_.address = peer.address;
  MilterJudge milter(settings_, "v", clock_);
  EXPECT_TRUE(tags_of(judge(milter)).empty());
  EXPECT_EQ(draft_.content,
            concat("Received: id ", draft_.id.to_string(),
                   "\r\nX-A: yes\r\nFrom: tom@gmail.test\r\nSubject: Mice\r\n\r\n", kBody));
  EXPECT_EQ(draft_.subject, "Mice");
}

TEST_F(Neighbours, AMilterHearsASmallMessageAsEarlierJudgesHaveLeftIt) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    negotiate(talk, kTheWholeMessage);
    heard = talk.read_to(packet('E'));
    talk.say(packet('c'));
    talk.read_to(packet('Q'));
  });
  settings_.address = peer.address;
  draft_.content.insert(0, "X-Earlier: yes\r\n");
  draft_.header_size += 16;
  draft_.size += 16;
  MilterJudge milter(settings_, "v", clock_);
  EXPECT_TRUE(tags_of(judge(milter)).empty());
  EXPECT_NE(
      heard.find(concat(packet('L', "X-Earlier\0yes\0"sv), packet('L', "From\0tom@gmail.test\0"sv),
                        packet('L', "Subject\0Cheese\0"sv), packet('B', kBody))),
      std::string::npos)
      << "and no Received of ours";
}

TEST_F(Neighbours, AMilterHearsALargeMessageWhileItComes) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    negotiate(talk, kTheWholeMessage);
    heard = talk.read_to(packet('E'));
    talk.say(packet('c'));
    talk.read_to(packet('Q'));
  });
  settings_.address = peer.address;
  MilterJudge milter(settings_, "v", clock_);
  EXPECT_TRUE(tags_of(judge(milter, std::string(600'000, 'z'))).empty());
  EXPECT_EQ(std::ranges::count(heard, 'z'), 600'000);
}

TEST_F(Neighbours, AMilterHearsRecipientsThatNoJudgeIsAskedAbout) {
  std::string heard;
  Peer peer([&](Peer::Talk& talk) {
    negotiate(talk, kOnlyTheEnd & ~milter::kNoRcpt);
    for (int i = 0; i < 2; ++i) {
      heard += talk.read_to("@yahoo.test>\0"sv);
      talk.say(i == 0 ? packet('c') : packet('r'));  // postmaster is not its to refuse
    }
    talk.read_to(packet('E'));
    talk.say(packet('q', "odd\0"sv));
    talk.say(packet('a'));
    talk.read_to(packet('Q'));
  });
  settings_.address = peer.address;
  transaction_.recipients.emplace_back(*Mailbox::parse("postmaster@yahoo.test"));
  MilterJudge milter(settings_, "v", clock_);
  const Verdict verdict = judge(milter);
  ASSERT_TRUE(std::holds_alternative<Hold>(verdict));
  EXPECT_EQ(std::get<Hold>(verdict).reason, "filter: odd");
  EXPECT_NE(heard.find("<postmaster@yahoo.test>"), std::string::npos);
}

TEST_F(Neighbours, AMilterRefusesWithItsOwnWords) {
  Peer peer([](Peer::Talk& talk) {
    negotiate(talk, kOnlyTheEnd & ~milter::kNoMail);
    talk.read_to("<tom@gmail.test>\0"sv);
    talk.say(packet('y', "451 4.7.9 Come back\0"sv));
    talk.read_to(packet('Q'));
  });
  settings_.address = peer.address;
  MilterJudge milter(settings_, "v", clock_);
  const Verdict verdict = judge(milter);
  ASSERT_TRUE(std::holds_alternative<Defer>(verdict));
  EXPECT_EQ(std::get<Defer>(verdict).reply, "Come back");
  EXPECT_EQ(std::get<Defer>(verdict).status, "4.7.9");
}

TEST_F(Neighbours, AMilterThatBreaksOffIsAway) {
  Peer peer([](Peer::Talk& talk) { negotiate(talk, kOnlyTheEnd); });
  settings_.address = peer.address;
  settings_.accept_when_away = true;
  MilterJudge milter(settings_, "v", clock_);
  EXPECT_EQ(tags_of(judge(milter)), std::vector<std::string>{"filter away"});
}

}  // namespace
}  // namespace mail
