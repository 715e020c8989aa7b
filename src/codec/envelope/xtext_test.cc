#include <gtest/gtest.h>

#include "codec/envelope/options.h"

namespace mail {
namespace {

TEST(Xtext, WhatIsWrittenReadsTheSame) {
  for (const char* text : {"", "rfc822;bob@yahoo.test", "a+b=c d", "QQ314159"}) {
    std::string wire;
    append_xtext(wire, text);
    EXPECT_EQ(decode_xtext(wire).value(), text);
  }
}

TEST(Xtext, EscapesWhatMayNotStandInAParameter) {
  std::string wire;
  append_xtext(wire, "e=mc2 +1");
  EXPECT_EQ(wire, "e+3Dmc2+20+2B1");
}

TEST(Xtext, RefusesLoneEscapesAndHiddenControls) {
  for (const char* bad : {"+", "+2", "+2b", "+GG", "a=b", "a b", "+0A", "+00", "+09", "\x80"}) {
    EXPECT_FALSE(decode_xtext(bad)) << bad;
  }
}

}  // namespace
}  // namespace mail
