// What DKIM signatures and ARC sets that we make are written with. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/result.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/header_hash.h"

namespace mail::dkim {

// A field of tags, folded before 78 columns. Folds stand where a signature in relaxed form sees one
// space, or within base64, where nobody sees them; so the place of b= moves no octet that is
// signed.
class TagWriter {
 public:
  explicit TagWriter(std::string_view field_name);
  TagWriter& add(std::string_view tag, std::string_view value);
  TagWriter& add_names(const std::vector<std::string_view>& names);       // h=
  TagWriter& add_signature(std::string_view base64, bool folded = true);  // b=
  const std::string& text() const { return text_; }                       // no CRLF at its end

 private:
  void begin_tag(std::size_t width, bool on_new_line);
  void new_line();

  std::string text_;
  std::size_t column_;
  bool first_ = true;
};

// What a signature of ours names, lower case: the fields of security.md 37 once more often than
// they are there, so that none can be added, and others that matter as often as they are there.
std::vector<std::string_view> names_to_sign(const Header& header);

// The digest of a signature that names `names`, whose own field is `text`, relaxed.
std::string digest_to_sign(Header& header, const std::vector<std::string_view>& names,
                           std::string_view text, const crypto::Crypto& crypto);

// "rsa-sha256" or "ed25519-sha256". Fails with invalid_argument on a key that verifiers refuse.
Result<std::string_view> algorithm_of(const SigningKey& key);
std::string seconds_of(WallTime now);  // for t=

}  // namespace mail::dkim

namespace mail::arc {

// What the suite of ARC has its own ideas of.
struct SealStyle {
  std::vector<std::string_view> names;  // h= of the AMS
  // Whether base64 is folded: a seal covers the folds in the message signature below it.
  bool folded = true;
};
// seal() in another style.
Result<std::string> seal_in_style(const SealStyle& style, std::string_view header_block,
                                  std::string_view body_hash, const Outcome& chain,
                                  std::string_view results, const dkim::SigningKey& key,
                                  WallTime now, const crypto::Crypto& crypto);

}  // namespace mail::arc
