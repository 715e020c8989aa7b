#include "platform/tls/secret_box.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace mail::tls {
namespace {

constexpr std::string_view kPlain = "-----BEGIN PRIVATE KEY-----";

TEST(SecretBox, WhatIsSealedOpensAgain) {
  const SecretBox box("secret", "keys");
  for (const std::string_view plain : {std::string_view(), kPlain}) {
    const std::string sealed = box.seal(plain, "yahoo.test s1").value();
    EXPECT_EQ(sealed.find("PRIVATE"), std::string::npos);
    EXPECT_EQ(box.open(sealed, "yahoo.test s1").value_or("none"), plain);
  }
  EXPECT_NE(box.seal(kPlain, "").value(), box.seal(kPlain, "").value());  // another nonce
}

TEST(SecretBox, OnlyWithItsKeyAndForItsContext) {
  const SecretBox box("secret", "keys");
  const std::string sealed = box.seal(kPlain, "yahoo.test s1").value();
  EXPECT_EQ(box.open(sealed, "gmail.test s1").error().code, Errc::not_allowed);
  EXPECT_EQ(SecretBox("other", "keys").open(sealed, "yahoo.test s1").error().code,
            Errc::not_allowed);
  EXPECT_EQ(SecretBox("secret", "other").open(sealed, "yahoo.test s1").error().code,
            Errc::not_allowed);
}

TEST(SecretBox, EveryOctetCounts) {
  const SecretBox box("secret", "keys");
  const std::string octets = base64_decode(box.seal(kPlain, "c").value()).value();
  for (std::size_t at = 0; at < octets.size(); ++at) {
    std::string changed = octets;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(box.open(base64_encode(changed), "c")) << at;
  }
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_FALSE(box.open(base64_encode(octets.substr(0, size)), "c")) << size;
  }
  EXPECT_FALSE(box.open("no base64!", "c"));
}

}  // namespace
}  // namespace mail::tls
