#include "platform/tls/digest.h"

#include <gtest/gtest.h>

#include <vector>

namespace mail::tls {
namespace {

TEST(HmacSha256, AgreesWithTheVectorsOfRfc4231) {
  const std::vector<std::byte> key(20, std::byte{0x0b});  // §4.2
  const std::array<std::uint8_t, 32> wanted = {0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53,
                                               0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b,
                                               0x88, 0x1d, 0xc2, 0x00, 0xc9, 0x83, 0x3d, 0xa7,
                                               0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7};
  EXPECT_EQ(hmac_sha256(key, "Hi There"), wanted);
  EXPECT_NE(hmac_sha256(key, "Hi there"), wanted);
  EXPECT_NE(hmac_sha256(std::span(key).first(19), "Hi There"), wanted);
}

}  // namespace
}  // namespace mail::tls
