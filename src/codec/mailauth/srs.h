// The Sender Rewriting Scheme as libsrs2, and so postsrsd, has it (Shevek, "The Sender Rewriting
// Scheme", 2004): who has the same secret can reverse what the other rewrote.
//
//   SRS0=HHHH=TT=DOMAIN=LOCAL@here             for LOCAL@DOMAIN
//   SRS1=HHHH=DOMAIN==HHHH=TT=...=...@here     for what DOMAIN has rewritten already
//
// HHHH: the first characters of the base64 of HMAC-SHA1 over what stands behind it, in lower case;
// TT: the day modulo 1024 in base32. Local parts get longer than 64 octets by it, as everywhere.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mail::srs {

inline constexpr std::size_t kHashLength = 4;  // postsrsd's; longer ones are taken too
inline constexpr int kMaxAge = 21;             // days, likewise

using Hmac = std::string (*)(std::string_view key, std::string_view octets);  // SHA-1, raw

struct Address {
  std::string local_part;  // unquoted
  std::string domain;
  bool operator==(const Address&) const = default;
};

// Whether a local part begins as ours do: worth a reverse().
bool is_rewritten(std::string_view local_part);

class Rewriter {
 public:
  // The first secret makes hashes, all of them verify: at least one, none empty.
  Rewriter(std::vector<std::string> secrets, Hmac hmac_sha1);

  // The local part that stands for `sender`, to be used at a domain of ours.
  std::string forward(const Address& sender, WallTime now) const;
  // Whom a local part stands for. Fails with bad_syntax, not_allowed (the hash is none of ours) or
  // deadline_exceeded.
  Result<Address> reverse(std::string_view local_part, WallTime now) const;

 private:
  std::string hash(std::string_view secret, std::string_view octets) const;
  bool is_ours(std::string_view hash_given, std::string_view octets) const;
  Result<Address> reverse_first(std::string_view text, WallTime now) const;
  Result<Address> reverse_further(std::string_view text) const;

  std::vector<std::string> secrets_;
  Hmac hmac_;
};

}  // namespace mail::srs
