// OpenSSL's digests and signatures, as what codec/ takes for an argument. Any thread.
#pragma once

#include <string>

#include "base/crypto.h"
#include "base/result.h"

namespace mail::tls {

extern const crypto::Crypto kCrypto;

// A new private key in PEM (PKCS #8). `bits` are those of an RSA modulus, at least 1024; Ed25519
// has but one size. Takes up to a second for RSA: not on a thread that serves.
Result<std::string> generate_key(crypto::KeyKind kind, int bits);

}  // namespace mail::tls
