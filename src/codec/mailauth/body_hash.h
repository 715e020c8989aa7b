// Bodies in canonical form (RFC 6376 §3.4), hashed while they stream. Pure; constant memory,
// whatever the body. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"

namespace mail::dkim {

enum class Form : std::uint8_t { simple, relaxed };
enum class Hash : std::uint8_t { sha256, sha1 };  // the second for old corpora: crypto::Crypto

// All hashes that the signatures of a message want, each distinct one once; the body is put into a
// canonical form once, however many want it.
class BodyHashes {
 public:
  explicit BodyHashes(const crypto::Crypto& crypto);
  BodyHashes(BodyHashes&&) noexcept;
  BodyHashes& operator=(BodyHashes&&) noexcept;
  ~BodyHashes();

  // Before the first update(). `length`: of l=, where there is one. Gives the number of the hash.
  std::size_t want(Form form, std::optional<std::uint64_t> length, Hash hash = Hash::sha256);
  std::size_t size() const { return wanted_.size(); }  // hashes that are made

  void update(std::string_view piece);  // cut anywhere
  void finish();                        // once, and last

  // After finish().
  const std::string& digest(std::size_t number) const { return wanted_[number].made; }
  std::uint64_t length(Form form) const;  // of the whole body in this form, where it was wanted

 private:
  struct Wanted {
    Form form;
    std::optional<std::uint64_t> length;
    Hash hash;
    std::unique_ptr<crypto::Digest> digest;
    std::string made;
  };
  class Canonicalizer;
  void take(Form form, std::string_view canonical);

  const crypto::Crypto* crypto_;
  std::vector<Wanted> wanted_;
  std::unique_ptr<Canonicalizer> simple_;
  std::unique_ptr<Canonicalizer> relaxed_;
};

}  // namespace mail::dkim
