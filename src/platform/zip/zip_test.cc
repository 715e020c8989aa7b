#include "platform/zip/zip.h"

#include <gtest/gtest.h>

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
