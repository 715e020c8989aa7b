#include "platform/zlib/gzip.h"

#include <gtest/gtest.h>

namespace mail::gzip {
namespace {

TEST(Gzip, ThereAndBack) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(300'000, 'x')}) {
    const auto again = decompress(compress(text), 1 << 20);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, text);
  }
}

TEST(Gzip, SeveralMembersAreOneText) {
  const auto both = decompress(compress("one ") + compress("two"), 100);
  ASSERT_TRUE(both);
  EXPECT_EQ(*both, "one two");
}

TEST(Gzip, ABombEndsAtTheLimit) {
  const auto bomb = decompress(compress(std::string(std::size_t{50} << 20, '\0')), 1 << 20);
  ASSERT_FALSE(bomb);
  EXPECT_EQ(bomb.error().code, Errc::too_large);
}

TEST(Gzip, DamageIsTold) {
  const std::string good = compress("some text that is compressed");
  EXPECT_FALSE(decompress("", 100));
  EXPECT_FALSE(decompress("no gzip", 100));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decompress(good.substr(0, size), 100)) << size;
  }
  std::string flipped = good;
  flipped[flipped.size() - 5] ^= 1;  // in the checksum
  EXPECT_FALSE(decompress(flipped, 100));
}

}  // namespace
}  // namespace mail::gzip
