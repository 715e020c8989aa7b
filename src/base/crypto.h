// Digests and signatures as an argument, for codec/ that must not know a library: platform/tls has
// OpenSSL's (kCrypto), tests may bring their own. Keys are immutable; any thread. A Digest belongs
// to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::crypto {

class Digest {
 public:
  virtual ~Digest() = default;
  virtual void update(std::string_view octets) = 0;
  virtual std::string finish() = 0;  // raw octets; once, and last
};

enum class KeyKind : std::uint8_t { rsa, ed25519 };

class PublicKey {
 public:
  virtual ~PublicKey() = default;
  virtual KeyKind kind() const = 0;
  virtual int bits() const = 0;  // of the modulus; 256 for Ed25519
  // `digest` is the SHA-256 of what was signed. RSA: PKCS #1 v1.5 over it (RFC 8017 §8.2.2);
  // Ed25519: PureEdDSA over its octets (RFC 8463 §3).
  virtual bool verify(std::string_view digest, std::string_view signature) const = 0;
};

class PrivateKey {
 public:
  virtual ~PrivateKey() = default;
  virtual KeyKind kind() const = 0;
  virtual int bits() const = 0;
  virtual Result<std::string> sign(std::string_view digest) const = 0;  // as PublicKey::verify()
  // What p= publishes, before base64: SubjectPublicKeyInfo in DER for RSA (RFC 6376 §3.6.1), the 32
  // octets for Ed25519 (RFC 8463 §4.2).
  virtual std::string public_octets() const = 0;
};

struct Crypto {
  std::unique_ptr<Digest> (*sha256)();
  // What p= holds, after base64. RSA also as a bare RSAPublicKey, which some publish. Fails with
  // bad_syntax.
  Result<std::shared_ptr<const PublicKey>> (*read_public_key)(KeyKind kind,
                                                              std::string_view octets);
  // PEM, PKCS #8 or PKCS #1. Fails with bad_syntax, also on any other kind of key.
  Result<std::shared_ptr<const PrivateKey>> (*read_private_key)(std::string_view pem);
  // Nobody has it but tests that run old corpora: where it is there, what RFC 6376 and 8301 have
  // retired is accepted, such as rsa-sha1 and short keys.
  std::unique_ptr<Digest> (*sha1)() = nullptr;
};

}  // namespace mail::crypto
