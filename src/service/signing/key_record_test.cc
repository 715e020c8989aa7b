#include "service/signing/key_record.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"
#include "codec/dns/rdata.h"

namespace mail::signing {
namespace {

using dns::Answer;

DkimKeyRow ed25519() {
  DkimKeyRow key;
  key.domain = "yahoo.test";
  key.selector = "s1";
  key.kind = crypto::KeyKind::ed25519;
  key.public_key = base64_encode(std::string(32, 'k'));
  return key;
}

Answer found(std::initializer_list<std::string> texts) {
  Answer answer;
  answer.kind = Answer::Kind::found;
  for (const std::string& text : texts) answer.records.push_back(dns::encode_txt(text));
  return answer;
}

TEST(KeyRecord, WhatIsPublishedIsRecognised) {
  const DkimKeyRow key = ed25519();
  EXPECT_EQ(record_name(key), "s1._domainkey.yahoo.test");
  const std::string text = record_text(key);
  EXPECT_EQ(text, concat("v=DKIM1; k=ed25519; p=", key.public_key));
  EXPECT_EQ(sight_of(key, found({text})), Sight::shown);
  // As owners and their tools write it.
  const std::string spaced = concat(key.public_key.substr(0, 20), " ", key.public_key.substr(20));
  EXPECT_EQ(sight_of(key, found({concat("k=ed25519;t=s; p=", spaced, " ;n=note;")})), Sight::shown);
}

TEST(KeyRecord, AnythingElseIsNot) {
  const DkimKeyRow key = ed25519();
  const std::string other = base64_encode(std::string(32, 'x'));
  for (const std::string& text :
       {concat("v=DKIM1; k=ed25519; p=", other), concat("v=DKIM1; k=rsa; p=", key.public_key),
        concat("v=DKIM2; k=ed25519; p=", key.public_key), std::string("v=spf1 -all"),
        std::string("p"), std::string()}) {
    EXPECT_EQ(sight_of(key, found({text})), Sight::other) << text;
  }
  EXPECT_EQ(sight_of(key, found({record_text(key), record_text(key)})), Sight::other);
}

TEST(KeyRecord, ARevokedRecordIsAsGoodAsNone) {
  EXPECT_EQ(sight_of(ed25519(), found({"v=DKIM1; k=ed25519; p="})), Sight::absent);
  Answer none;
  none.kind = Answer::Kind::no_name;
  EXPECT_EQ(sight_of(ed25519(), none), Sight::absent);
  none.kind = Answer::Kind::no_data;
  EXPECT_EQ(sight_of(ed25519(), none), Sight::absent);
}

TEST(KeyRecord, NoAnswerSaysNothing) { EXPECT_EQ(sight_of(ed25519(), Answer{}), Sight::unknown); }

}  // namespace
}  // namespace mail::signing
