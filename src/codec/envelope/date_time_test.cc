#include "codec/envelope/date_time.h"

#include <gtest/gtest.h>

#include <string>

namespace mail {
namespace {

constexpr WallTime kTime{Milliseconds(1'795'299'348'000)};  // Sat, 21 Nov 2026 22:15:48

std::string written(WallTime at) {
  std::string out;
  append_date_time(out, at);
  return out;
}

TEST(DateTime, IsWrittenInUtcWithoutFractions) {
  EXPECT_EQ(written(kTime), "2026-11-21T22:15:48Z");
  EXPECT_EQ(written(kTime + Milliseconds(999)), "2026-11-21T22:15:48Z");
  EXPECT_EQ(written(WallTime{}), "1970-01-01T00:00:00Z");
}

TEST(DateTime, ReadsEveryFormOfTheSameTime) {  // RFC 3339 §5.6
  for (const char* text :
       {"2026-11-21T22:15:48Z", "2026-11-21t22:15:48z", "2026-11-21T22:15:48.000Z",
        "2026-11-21T23:15:48+01:00", "2026-11-21T16:45:48-05:30", "2026-11-22T00:15:48+02:00"}) {
    EXPECT_EQ(parse_date_time(text).value(), kTime) << text;
  }
  EXPECT_EQ(parse_date_time("2026-11-21T22:15:48.25Z").value(), kTime + Milliseconds(250));
  EXPECT_EQ(parse_date_time("2024-02-29T00:00:00Z").has_value(), true);
  EXPECT_EQ(written(parse_date_time("2026-12-31T23:59:60Z").value()), "2027-01-01T00:00:00Z");
}

TEST(DateTime, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "2026-11-21", "2026-11-21T22:15:48", "2026-11-21 22:15:48Z", "2026-11-21T22:15Z",
        "2026-13-21T22:15:48Z", "2025-02-29T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T22:60:00Z", "2026-11-21T22:15:61Z", "2026-11-21T22:15:48.Z",
        "2026-11-21T22:15:48+0100", "2026-11-21T22:15:48ZZ", "-026-11-21T22:15:48Z",
        "2026-11-21T22:15:48+24:00"}) {
    EXPECT_FALSE(parse_date_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace mail
