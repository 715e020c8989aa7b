#include "platform/tls/crypto.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/base64.h"

namespace mail::tls {
namespace {

using crypto::KeyKind;

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string sha256(std::string_view text) {
  const auto digest = kCrypto.sha256();
  digest->update(text);
  return digest->finish();
}

std::shared_ptr<const crypto::PrivateKey> make_key(KeyKind kind, int bits) {
  return kCrypto.read_private_key(generate_key(kind, bits).value()).value();
}

// RFC 8463 §A.2 and RFC 8032 §7.1.
constexpr std::string_view kEd25519Public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

TEST(Crypto, Sha256OfPiecesIsThatOfTheWhole) {
  const auto digest = kCrypto.sha256();
  for (const std::string_view piece : {"a", "", "bc"}) digest->update(piece);
  EXPECT_EQ(hex(digest->finish()),  // FIPS 180-4
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, WhatAKeySignsItsPublicHalfVerifiesAndNothingElse) {
  for (const KeyKind kind : {KeyKind::rsa, KeyKind::ed25519}) {
    const auto key = make_key(kind, 1024);
    EXPECT_EQ(key->bits(), kind == KeyKind::rsa ? 1024 : 256);
    const auto published = kCrypto.read_public_key(kind, key->public_octets()).value();
    EXPECT_EQ(published->kind(), kind);
    EXPECT_EQ(published->bits(), key->bits());
    std::string signature = key->sign(sha256("one")).value();
    EXPECT_EQ(key->sign(sha256("one")).value(), signature);  // both are deterministic
    EXPECT_TRUE(published->verify(sha256("one"), signature));
    EXPECT_FALSE(published->verify(sha256("two"), signature));
    EXPECT_FALSE(published->verify(sha256("one"), signature.substr(1)));
    EXPECT_FALSE(published->verify(sha256("one"), ""));
    signature[7] = static_cast<char>(signature[7] ^ 1);
    EXPECT_FALSE(published->verify(sha256("one"), signature));
  }
}

TEST(Crypto, RsaKeysAreReadAsSubjectPublicKeyInfoAndBare) {
  const auto key = make_key(KeyKind::rsa, 2048);
  const std::string info = key->public_octets();
  // SEQUENCE of 4 octets of header, AlgorithmIdentifier of 15, BIT STRING of 4 and its count of
  // unused bits: the rest is an RSAPublicKey.
  const std::string bare = info.substr(4 + 15 + 4 + 1);
  const auto published = kCrypto.read_public_key(KeyKind::rsa, bare);
  ASSERT_TRUE(published) << describe(published.error());
  EXPECT_TRUE((*published)->verify(sha256("x"), key->sign(sha256("x")).value()));
}

TEST(Crypto, NoPartOfAnRsaKeyIsOneAndNoOctetOfItCrashes) {
  const std::string whole = make_key(KeyKind::rsa, 1024)->public_octets();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(kCrypto.read_public_key(KeyKind::rsa, whole.substr(0, size))) << size;
  }
  const std::string digest = sha256("x");
  const std::string signature(128, 'x');
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ change);
      const auto key = kCrypto.read_public_key(KeyKind::rsa, broken);
      if (key) EXPECT_FALSE((*key)->verify(digest, signature)) << at;
    }
  }
}

TEST(Crypto, KeysThatWouldCostTooMuchAreRefused) {
  const auto der = [](char tag, const std::string& contents) {
    const std::size_t size = contents.size();
    return std::string{tag, '\x82', static_cast<char>(size >> 8), static_cast<char>(size)} +
           contents;
  };
  const auto key = [&](std::size_t modulus, std::size_t exponent) {
    const std::string n = '\0' + std::string(modulus, '\xff');
    const std::string e = std::string(exponent, '\x7f');
    return der('\x30', der('\x02', n) + der('\x02', e));
  };
  EXPECT_TRUE(kCrypto.read_public_key(KeyKind::rsa, key(1024, 3)));
  EXPECT_FALSE(kCrypto.read_public_key(KeyKind::rsa, key(4096, 3)));
  EXPECT_FALSE(kCrypto.read_public_key(KeyKind::rsa, key(256, 256)));
  EXPECT_FALSE(kCrypto.read_public_key(KeyKind::rsa, key(256, 0)));
}

TEST(Crypto, Ed25519KeysAreThirtyTwoOctets) {
  const std::string octets = base64_decode(kEd25519Public).value();
  EXPECT_TRUE(kCrypto.read_public_key(KeyKind::ed25519, octets));
  EXPECT_FALSE(kCrypto.read_public_key(KeyKind::ed25519, octets.substr(1)));
  EXPECT_FALSE(kCrypto.read_public_key(KeyKind::ed25519, ""));
}

TEST(Crypto, OnlyKeysThatSignMailAreMadeAndRead) {
  EXPECT_EQ(generate_key(KeyKind::rsa, 512).error().code, Errc::invalid_argument);
  EXPECT_EQ(kCrypto.read_private_key("").error().code, Errc::bad_syntax);
  EXPECT_EQ(kCrypto.read_private_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
                .error()
                .code,
            Errc::bad_syntax);
  // An elliptic curve: good for TLS, not for DKIM.
  constexpr std::string_view kCurve =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
      "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
      "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
      "-----END PRIVATE KEY-----\n";
  EXPECT_EQ(kCrypto.read_private_key(kCurve).error().detail, "the key is neither RSA nor Ed25519");
}

}  // namespace
}  // namespace mail::tls
