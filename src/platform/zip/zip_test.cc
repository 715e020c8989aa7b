#include "platform/zip/zip.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/base64.h"

namespace mail::zip {
namespace {

// Of two files, "a.txt" (stored) and "d/b.txt" (deflated, 2,000 times 'b'), and the folder "d/".
std::string archive() {
  return base64_decode(
             "UEsDBBQAAAAAAAAAIVwgMDo2BgAAAAYAAAAFAAAAYS50eHRoZWxsbwpQSwMEFAAAAAAAAAAhXAAAAAAA"
             "AAAAAAAAAAIAAABkL1BLAwQUAAAACAAAACFcaKffXxEAAADQBwAABwAAAGQvYi50eHRLShoFo2AUjIJR"
             "MApGwVAHAFBLAQIUAxQAAAAAAAAAIVwgMDo2BgAAAAYAAAAFAAAAAAAAAAAAAACAAQAAAABhLnR4dFBL"
             "AQIUAxQAAAAAAAAAIVwAAAAAAAAAAAAAAAACAAAAAAAAAAAAAACAASkAAABkL1BLAQIUAxQAAAAIAAAA"
             "IVxop99fEQAAANAHAAAHAAAAAAAAAAAAAACAAUkAAABkL2IudHh0UEsFBgAAAAADAAMAmAAAAH8AAAAA"
             "AA==")
      .value();
}

TEST(Zip, UnpacksEveryFile) {
  const auto files = unpack(archive());
  ASSERT_TRUE(files) << describe(files.error());
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[0].name, "a.txt");
  EXPECT_EQ((*files)[0].content, "hello\n");
  EXPECT_EQ((*files)[1].content, std::string(2000, 'b'));
}

TEST(Zip, LimitsHold) {
  EXPECT_EQ(unpack(archive(), {.max_files = 2}).error().code, Errc::too_large);
  EXPECT_EQ(unpack(archive(), {.max_bytes = 2005}).error().code, Errc::too_large);
  EXPECT_TRUE(unpack(archive(), {.max_files = 3, .max_bytes = 2006}));
}

std::string seed(std::string_view name) {
  std::ifstream file(std::string(MAIL_SOURCE_DIR "/tests/corpus/zip/").append(name),
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A mebibyte of nothing in a kibibyte; and 60,000 octets that are said to be one.
TEST(Zip, ABombEndsAtTheLimitWhateverItSaysOfItself) {
  for (const std::string_view name : {"bomb", "lying_size"}) {
    const std::string bomb = seed(name);
    ASSERT_FALSE(bomb.empty()) << name;
    ASSERT_LT(bomb.size(), 2000U) << name;
    const auto files = unpack(bomb, {.max_bytes = 10'000});
    ASSERT_FALSE(files) << name;
    EXPECT_NE(files.error().code, Errc::io_error) << name;
  }
  EXPECT_EQ(unpack(seed("bomb"), {.max_bytes = 10'000}).error().code, Errc::too_large);
  EXPECT_EQ(unpack(seed("many"), {.max_files = 5}).error().code, Errc::too_large);
  EXPECT_EQ(unpack(seed("encrypted")).error().code, Errc::bad_syntax);
}

TEST(Zip, DamageNeverEndsUs) {
  EXPECT_FALSE(unpack(""));
  EXPECT_FALSE(unpack("PK\x03\x04 no archive"));
  const std::string good = archive();
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(unpack(good.substr(0, size)));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x41);
    const auto files = unpack(flipped);  // some octets do not matter
    if (files) EXPECT_LE(files->size(), 3U);
  }
}

}  // namespace
}  // namespace mail::zip
