#include "codec/envelope/original_recipient.h"

#include <gtest/gtest.h>

#include <string>

namespace mail {
namespace {

TEST(OriginalRecipient, IsDecodedAndKeepsItsType) {  // RFC 3461 §4.2
  EXPECT_EQ(parse_original_recipient("rfc822;bob@x.test", false).value(), "rfc822;bob@x.test");
  EXPECT_EQ(parse_original_recipient("rfc822;bob+2Btag@x.test", false).value(),
            "rfc822;bob+tag@x.test");
  EXPECT_EQ(parse_original_recipient("RFC822;a\\b", false).value(), "RFC822;a\\b");
  EXPECT_EQ(parse_original_recipient("x400;C+3Dde/", false).value(), "x400;C=de/");
}

TEST(OriginalRecipient, TheUtf8TypeHasThreeForms) {  // RFC 6533 §3
  EXPECT_EQ(parse_original_recipient("utf-8;b\\x{FC}cher@x.test", false).value(),
            "utf-8;bücher@x.test");
  EXPECT_EQ(parse_original_recipient("UTF-8;bücher\\x{2B}1@x.test", true).value(),
            "UTF-8;bücher+1@x.test");
  EXPECT_EQ(parse_original_recipient("utf-8;\\x{1F48C}\\x{7528}@x.test", false).value(),
            "utf-8;\xF0\x9F\x92\x8C用@x.test");
}

TEST(OriginalRecipient, Utf8IsForItsTypeAndForSmtputf8Only) {
  EXPECT_FALSE(parse_original_recipient("utf-8;bücher@x.test", false));
  EXPECT_FALSE(parse_original_recipient("rfc822;bücher@x.test", true));
  EXPECT_FALSE(parse_original_recipient("rfc822;b+C3+BCcher@x.test", true));
}

TEST(OriginalRecipient, RefusesWhatIsNone) {
  for (const char* bad : {"",
                          ";",
                          "rfc822",
                          "rfc822;",
                          ";bob@x.test",
                          "rf c;bob",
                          "rfc822;a=b",
                          "rfc822;a+0Ab",
                          "rfc822;a+",
                          "utf-8;a\\b",
                          "utf-8;a\\x{",
                          "utf-8;a\\x{}",
                          "utf-8;a\\x{A}x",
                          "utf-8;\\x{0A}",
                          "utf-8;\\x{7F}",
                          "utf-8;\\x{85}",
                          "utf-8;\\x{D800}",
                          "utf-8;\\x{110000}",
                          "utf-8;\\x{1234567}",
                          "utf-8;\\x{GG}",
                          "utf-8;\\x{-1}",
                          "utf-8;\xC3"}) {
    EXPECT_FALSE(parse_original_recipient(bad, true)) << bad;
  }
  EXPECT_TRUE(parse_original_recipient("rfc822;" + std::string(493, 'a'), false));
  EXPECT_FALSE(parse_original_recipient("rfc822;" + std::string(494, 'a'), false));
}

}  // namespace
}  // namespace mail
