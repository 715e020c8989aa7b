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

template <std::size_t Size>
std::string hex(std::array<std::uint8_t, Size> digest) {
  std::string out;
  for (const std::uint8_t octet : digest) {
    out += "0123456789abcdef"[octet >> 4];
    out += "0123456789abcdef"[octet & 15];
  }
  return out;
}

// RFC 2195 §2.
TEST(Digest, HmacMd5OfTheExampleOfCramMd5) {
  constexpr std::string_view kChallenge = "<1896.697170952@postoffice.reston.mci.net>";
  EXPECT_EQ(hex(hmac_md5("tanstaaftanstaaf", kChallenge)), "b913a602c7eda7a495b4e6e7334d3890");
}

// RFC 2202 §2.
TEST(Digest, HmacMd5OfKeysOfEveryLength) {
  EXPECT_EQ(hex(hmac_md5("Jefe", "what do ya want for nothing?")),
            "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(hex(hmac_md5(std::string(16, '\x0b'), "Hi There")), "9294727a3638bb1c13f48ef8158bfc9d");
  EXPECT_EQ(hex(hmac_md5(std::string(80, '\xaa'),
                         "Test Using Larger Than Block-Size Key - Hash Key First")),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

TEST(Digest, HmacSha1OfTheExamplesOfRfc2202) {
  EXPECT_EQ(hex(hmac_sha1("Jefe", "what do ya want for nothing?")),  // §3, case 2
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex(hmac_sha1(std::string(80, '\xaa'),  // case 6
                          "Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(Digest, TheStateOfHmacMd5SignsAsTheKeyDoes) {
  const std::string state = hmac_md5_state("tanstaaftanstaaf");
  EXPECT_EQ(state.size(), 64U);
  EXPECT_EQ(hmac_md5_from(state, "abc"), hmac_md5("tanstaaftanstaaf", "abc"));
}

TEST(Digest, WhatIsNoStateSignsNothing) {
  const std::string state = hmac_md5_state("key");
  EXPECT_FALSE(hmac_md5_from("", "abc"));
  EXPECT_FALSE(hmac_md5_from(state.substr(1), "abc"));
  EXPECT_FALSE(hmac_md5_from("x" + state.substr(1), "abc"));
}

}  // namespace
}  // namespace mail::tls
