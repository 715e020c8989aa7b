// Crypto without secrets, for tests and fuzzing only: a digest that is quick, signatures that
// anybody could make, and counts of what it was asked to do. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/crypto.h"
#include "base/text.h"

namespace mail::crypto::toy {

struct Counts {
  std::size_t digests = 0;
  std::size_t octets = 0;  // into digests
  std::size_t verified = 0;
};
inline Counts counts;

inline std::string mix(std::string_view text, std::uint64_t state = 0xcbf29ce484222325U) {
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string out;
  while (out.size() < 32) {
    state = (state ^ (state >> 29)) * 0x9e3779b97f4a7c15U;
    out.push_back(static_cast<char>(state >> 56));
  }
  return out;
}

class ToyDigest final : public Digest {
 public:
  ToyDigest() { ++counts.digests; }
  void update(std::string_view octets) override {
    counts.octets += octets.size();
    for (const char c : octets) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::string finish() override { return mix("", state_); }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

// A key is its name: "2048 one" has that many bits.
inline int bits_of(KeyKind kind, std::string_view name) {
  if (kind == KeyKind::ed25519) return 256;
  return static_cast<int>(parse_number(name.substr(0, name.find(' '))).value_or(2048));
}
inline std::string signature_of(std::string_view name, std::string_view digest) {
  return mix(concat(name, "\n", digest));
}

class ToyPublicKey final : public PublicKey {
 public:
  ToyPublicKey(KeyKind kind, std::string_view name) : kind_(kind), name_(name) {}
  KeyKind kind() const override { return kind_; }
  int bits() const override { return bits_of(kind_, name_); }
  bool verify(std::string_view digest, std::string_view signature) const override {
    ++counts.verified;
    return signature == signature_of(name_, digest);
  }

 private:
  KeyKind kind_;
  std::string name_;
};

class ToyPrivateKey final : public PrivateKey {
 public:
  ToyPrivateKey(KeyKind kind, std::string_view name) : kind_(kind), name_(name) {}
  KeyKind kind() const override { return kind_; }
  int bits() const override { return bits_of(kind_, name_); }
  Result<std::string> sign(std::string_view digest) const override {
    return signature_of(name_, digest);
  }
  std::string public_octets() const override { return name_; }

 private:
  KeyKind kind_;
  std::string name_;
};

inline Result<std::shared_ptr<const PublicKey>> read_public_key(KeyKind kind,
                                                                std::string_view octets) {
  if (octets.starts_with("broken")) return fail(Errc::bad_syntax, "a broken key");
  return std::make_shared<const ToyPublicKey>(kind, octets);
}
inline std::shared_ptr<const PrivateKey> make_key(KeyKind kind, std::string_view name) {
  return std::make_shared<const ToyPrivateKey>(kind, name);
}

inline const Crypto kToyCrypto = {
    []() -> std::unique_ptr<Digest> { return std::make_unique<ToyDigest>(); },
    read_public_key,
    [](std::string_view) -> Result<std::shared_ptr<const PrivateKey>> {
      return fail(Errc::bad_syntax, "toys have no files");
    },
};

}  // namespace mail::crypto::toy
