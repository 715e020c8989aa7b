#include "platform/resolver/known_answers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/text.h"

namespace mail::dns {
namespace {

using namespace std::chrono_literals;
using Kind = Answer::Kind;

constexpr MonoTime kNow{1h};

KnownAnswers::Key key_of(std::string name) { return {std::move(name), Type::txt}; }

Answer answer_of(std::string name, std::chrono::seconds ttl, Kind kind = Kind::found) {
  Answer answer;
  answer.kind = kind;
  answer.secure = true;
  answer.canonical_name = std::move(name);
  if (kind == Kind::found) answer.records = {"\1a", "\1b"};
  answer.ttl = ttl;
  return answer;
}

TEST(KnownAnswers, AreGivenWholeWithWhatIsLeftOfTheirTtl) {
  KnownAnswers known;
  known.keep(key_of("a.test"), answer_of("a.test", 60s), kNow);
  const auto found = known.find(key_of("a.test"), kNow + 19500ms);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, Kind::found);
  EXPECT_TRUE(found->secure);
  EXPECT_EQ(found->canonical_name, "a.test");
  EXPECT_EQ(found->records, (std::vector<std::string>{"\1a", "\1b"}));
  EXPECT_EQ(found->ttl, 40s);
  EXPECT_FALSE(known.find({"a.test", Type::a}, kNow)) << "another type is another question";
  EXPECT_FALSE(known.find(key_of("b.test"), kNow));
}

TEST(KnownAnswers, AreForgottenWhenTheirTtlIsOver) {
  KnownAnswers known;
  known.keep(key_of("a.test"), answer_of("a.test", 60s), kNow);
  EXPECT_TRUE(known.find(key_of("a.test"), kNow + 60s - 1ms));
  EXPECT_FALSE(known.find(key_of("a.test"), kNow + 60s));
  known.keep(key_of("a.test"), answer_of("a.test", 5s, Kind::no_name), kNow + 61s);
  const auto gone = known.find(key_of("a.test"), kNow + 62s);
  ASSERT_TRUE(gone) << "what is not there is known too";
  EXPECT_EQ(gone->kind, Kind::no_name);
  EXPECT_TRUE(gone->secure);
}

TEST(KnownAnswers, KeepNothingThatFailedNorWithoutTtlNorBehindACname) {
  KnownAnswers known;
  known.keep(key_of("a.test"), answer_of("a.test", 60s, Kind::failed), kNow);
  known.keep(key_of("b.test"), answer_of("b.test", 0s), kNow);
  known.keep(key_of("c.test"), answer_of("elsewhere.test", 60s), kNow);
  for (const char* const name : {"a.test", "b.test", "c.test"}) {
    EXPECT_FALSE(known.find(key_of(name), kNow)) << name;
  }
}

TEST(KnownAnswers, WhatIsAskedForOutlivesWhatIsNotWhenThereIsNoRoom) {
  KnownAnswers known(std::size_t{100} << 10);
  known.keep(key_of("asked.test"), answer_of("asked.test", 60s), kNow);
  known.keep(key_of("unasked.test"), answer_of("unasked.test", 60s), kNow);
  int kept = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = concat('h', i, ".test");
    known.keep(key_of(name), answer_of(name, 60s), kNow);
    ASSERT_TRUE(known.find(key_of("asked.test"), kNow)) << i;
  }
  for (int i = 0; i < 10'000; ++i)
    kept += known.find(key_of(concat('h', i, ".test")), kNow) ? 1 : 0;
  EXPECT_FALSE(known.find(key_of("unasked.test"), kNow));
  EXPECT_GT(kept, 100);
  EXPECT_LT(kept, 400) << "of 100 KiB";
}

TEST(KnownAnswers, AnAnswerWithoutRoomForOthersIsBoundedToo) {
  KnownAnswers known(std::size_t{100} << 10);
  for (int i = 0; i < 100; ++i) {
    const std::string name = concat('h', i, ".test");
    Answer large = answer_of(name, 60s);
    large.records.assign(1, std::string(60'000, 'x'));
    known.keep(key_of(name), large, kNow);
  }
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += known.find(key_of(concat('h', i, ".test")), kNow) ? 1 : 0;
  EXPECT_LE(kept, 2);
}

TEST(KnownAnswers, NothingIsKnownOnceClosed) {
  KnownAnswers known;
  known.keep(key_of("a.test"), answer_of("a.test", 60s), kNow);
  known.close();
  EXPECT_FALSE(known.find(key_of("a.test"), kNow));
  known.keep(key_of("a.test"), answer_of("a.test", 60s), kNow);
  EXPECT_FALSE(known.find(key_of("a.test"), kNow));
}

}  // namespace
}  // namespace mail::dns
