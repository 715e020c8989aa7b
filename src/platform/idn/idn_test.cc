#include "platform/idn/idn.h"

#include <gtest/gtest.h>

#include <string>

namespace mail::idn {
namespace {

TEST(Idn, EverySpellingOfADomainHasOneAscii) {
  for (const char* spelling :
       {"bücher.test", "BÜCHER.TEST", "Bu\u0308cher.Test", "xn--bcher-kva.test", "bücher。test"}) {
    EXPECT_EQ(to_ascii(spelling).value(), "xn--bcher-kva.test") << spelling;
  }
  EXPECT_EQ(to_ascii("straße.test").value(), "xn--strae-oqa.test");  // not strasse: RFC 5891
  EXPECT_EQ(to_ascii("例え.テスト").value(), "xn--r8jz45g.xn--zckzah");
}

TEST(Idn, WhatIsNoDomainIsRefused) {
  for (const std::string& bad :
       {std::string(),
        std::string("b\xFC"
                    "cher.test"),
        std::string("a\0b.test", 8), std::string("ü_ü.test"), std::string("ü ü.test"),
        std::string("\u200D.test"), std::string("ü/ä.test"), std::string(2000, 'a')}) {
    EXPECT_FALSE(to_ascii(bad)) << bad;
  }
}

TEST(Idn, AsciiIsShownAsItIsMeant) {
  EXPECT_EQ(to_unicode("xn--bcher-kva.test"), "bücher.test");
  EXPECT_EQ(to_unicode("yahoo.test"), "yahoo.test");
  EXPECT_EQ(to_unicode("xn--\xFF.test"), "xn--\xFF.test");
}

TEST(Idn, LocalPartsAreFoldedAndComposed) {
  EXPECT_EQ(fold("JÜRGEN").value(), "jürgen");
  EXPECT_EQ(fold("ju\u0308rgen").value(), "jürgen");
  EXPECT_EQ(fold("用户").value(), "用户");
  EXPECT_FALSE(fold("j\xFC"));
}

}  // namespace
}  // namespace mail::idn
