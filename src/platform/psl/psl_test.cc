#include "platform/psl/psl.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace mail::psl {
namespace {

TEST(PublicSuffix, NamesOfManyOwnersAreSuffixes) {
  for (const std::string_view name :
       {"com", "co.uk", "xn--p1ai", "kobe.jp", "no.such.tld-at-all"}) {
    EXPECT_EQ(is_public_suffix(name), name != "no.such.tld-at-all") << name;
  }
  EXPECT_TRUE(is_public_suffix("tld-at-all"));  // the rule "*" holds where no other does
}

TEST(PublicSuffix, NamesOfOneOwnerAreNot) {
  for (const std::string_view name : {"example.com", "example.co.uk", "city.kobe.jp", ""}) {
    EXPECT_FALSE(is_public_suffix(name)) << name;
  }
  EXPECT_FALSE(is_public_suffix(std::string_view("com\0.x", 6)));
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

// The list's own tests, as far as they are in ASCII and lower case: a line has a name and its
// registrable domain, or null.
TEST(PublicSuffix, TheListAgreesWithItsTests) {
  const char* named = std::getenv("MAILWRIGHT_SUITES");
  const std::string folder = named ? named : MAIL_SOURCE_DIR "/../shared/conformance";
  std::ifstream file(folder + "/public-suffix/tests.txt");
  if (!file) {
    std::puts("suite not found: public-suffix");
    ASSERT_TRUE(std::getenv("CI") == nullptr && named == nullptr);
    return;
  }
  std::size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    const std::size_t blank = line.find(' ');
    if (line.starts_with("//") || blank == std::string::npos) continue;
    const std::string_view name = std::string_view(line).substr(0, blank);
    const std::string_view owned = std::string_view(line).substr(blank + 1);
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    if (name == "null" || name[0] == '.' ||
        name.find_first_not_of(kPlain) != std::string_view::npos) {
      continue;
    }
    ++cases;
    if (owned == "null") {
      EXPECT_TRUE(is_public_suffix(name)) << name;
    } else {
      EXPECT_FALSE(is_public_suffix(owned)) << owned;
      EXPECT_TRUE(is_public_suffix(parent_of(owned))) << owned;
    }
  }
  EXPECT_GT(cases, 60U);
}

}  // namespace
}  // namespace mail::psl
