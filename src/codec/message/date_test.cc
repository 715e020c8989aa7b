#include "codec/message/date.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/message/trace.h"

namespace mail::message {
namespace {

std::string read(std::string_view text) {
  const auto at = parse_date(text);
  return at ? iso_date(*at) : "no date";
}

TEST(Date, Forms) {
  EXPECT_EQ(read("Sat, 21 Nov 2026 22:15:48 +0000"), "2026-11-21T22:15:48.000Z");
  EXPECT_EQ(read("21 Nov 2026 22:15 -0830"), "2026-11-22T06:45:00.000Z");
  EXPECT_EQ(read("Thu, 8 Mar 2005 14:00:00 EDT"), "2005-03-08T18:00:00.000Z");
  EXPECT_EQ(read("8 Oct 2011 20:15:58 +0000 (GMT)"), "2011-10-08T20:15:58.000Z");
  EXPECT_EQ(read("Wed,(x)14 Apr 10 12:15:31 PST"), "2010-04-14T20:15:31.000Z");
  EXPECT_EQ(read("1 JANUARY 99 0:00:00"), "1999-01-01T00:00:00.000Z");
  EXPECT_EQ(read("1 Jan 126 0:00:60 Z"), "2026-01-01T00:01:00.000Z");
}

TEST(Date, WhatIsNone) {
  for (const char* text :
       {"", "today", "31 Feb 2026 10:00:00 +0000", "1 Foo 2026 10:00:00 +0000",
        "1 Jan 2026 24:00:00 +0000", "1 Jan 2026 10 +0000", "1 Jan 2026", "1 Jan 2026 10:00:00 +00",
        "1 Jan 2026 10:00:00 +0099", "1 Jan 20266 10:00:00 +0000", "-1 Jan 2026 10:00:00 +0000"}) {
    EXPECT_EQ(read(text), "no date") << text;
  }
  EXPECT_EQ(read(std::string(100'000, '(')), "no date");
}

TEST(Date, WhatWeWriteIsReadAgain) {
  const WallTime at{Milliseconds(1'795'299'348'000)};
  std::string text;
  append_date(text, at);
  EXPECT_EQ(parse_date(text), at);
}

}  // namespace
}  // namespace mail::message
