#include "codec/mailauth/tag_list.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "base/text.h"
#include "codec/mailauth/key_record.h"

namespace mail::mailauth {
namespace {

TEST(TagList, TagsAreFoundWhateverWhiteSpaceIsAround) {
  const auto list = TagList::parse(" v = 1 ;\r\n\ta=rsa-sha256;b= QUJD\r\n REVG ; ");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->value("v"), "1");
  EXPECT_EQ(list->value("a"), "rsa-sha256");
  EXPECT_EQ(list->find("b")->raw, " QUJD\r\n REVG ");
  EXPECT_EQ(decode_base64_tag(list->value("b")).value(), "ABCDEF");
  EXPECT_EQ(list->value("c", "simple"), "simple");
  EXPECT_EQ(list->find("V"), nullptr);  // "Tags MUST be interpreted in a case-sensitive manner"
}

TEST(TagList, ValuesMayBeEmptyAndHaveEqualsSigns) {
  const auto list = TagList::parse("p=; n=a=b=c");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->value("p", "x"), "");
  EXPECT_EQ(list->value("n"), "a=b=c");
  EXPECT_TRUE(TagList::parse("")->tags().empty());
}

TEST(TagList, WhatIsNoListIsNone) {
  for (const std::string_view text :
       {"a", "=1", "1a=2", "a-b=1", "a=1;;b=2", ";a=1", "a=1; b", "a=1;a=2", "a=\x01", "a=\x7f"}) {
    EXPECT_FALSE(TagList::parse(text)) << text;
  }
}

TEST(TagList, NobodyCanMakeItLong) {
  std::string text;
  for (std::size_t i = 0; i < kMaxTags; ++i) append(text, "t", i, "=1;");
  EXPECT_TRUE(TagList::parse(text));
  EXPECT_FALSE(TagList::parse(text + "more=1"));
}

TEST(TagList, ColonsSeparateMembers) {
  EXPECT_EQ(split_colons("from : To:\r\n subject"),
            (std::vector<std::string_view>{"from", "To", "subject"}));
}

}  // namespace
}  // namespace mail::mailauth

namespace mail::dkim {
namespace {

TEST(KeyRecord, DefaultsAreThoseOfTheRfc) {
  const auto record = parse_key_record("p=QUJD");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, crypto::KeyKind::rsa);
  EXPECT_EQ(record->octets, "ABC");
  EXPECT_TRUE(record->sha256);
  EXPECT_FALSE(record->testing);
  EXPECT_FALSE(record->strict_identity);
}

TEST(KeyRecord, TagsSayWhatTheKeyIsFor) {
  const auto record = parse_key_record(
      "v=DKIM1; k=ed25519; h=sha1 : sha256; s=tlsrpt:email; t=y:s:later; n=note; g=ignored; p=");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, crypto::KeyKind::ed25519);
  EXPECT_TRUE(record->sha256);
  EXPECT_TRUE(record->testing);
  EXPECT_TRUE(record->strict_identity);
  EXPECT_EQ(record->octets, "");  // revoked
  EXPECT_FALSE(parse_key_record("h=sha1; p=QUJD")->sha256);
}

TEST(KeyRecord, OtherVersionsKindsAndServicesAreNotOurs) {
  for (const std::string_view text : {"v=DKIM2; p=QUJD", "v=DKIM1.0; p=QUJD", "p=QUJD; v=DKIM1",
                                      "k=dsa; p=QUJD", "s=chat; p=QUJD", "v=dkim1; p=QUJD"}) {
    EXPECT_EQ(parse_key_record(text).error().code, Errc::not_allowed) << text;
  }
  for (const std::string_view text :
       {"", "v=spf1 -all", "v=DKIM1; k=rsa", "p=QUJ", "p=Q*JD", "p"}) {
    EXPECT_EQ(parse_key_record(text).error().code, Errc::bad_syntax) << text;
  }
}

}  // namespace
}  // namespace mail::dkim
