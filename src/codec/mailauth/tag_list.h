// Tag lists: "v=1; a=rsa-sha256; ..." (RFC 6376 §3.2), of which signatures, seals and key records
// consist. Pure. Views point into the text given and die with it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::mailauth {

inline constexpr std::size_t kMaxTags = 64;

struct Tag {
  std::string_view name;
  std::string_view value;  // without white space at its ends; folds inside are still there
  std::string_view raw;    // all between "=" and ";" or the end
};

class TagList {
 public:
  // Fails with bad_syntax: also on a tag that is there twice, and on more than kMaxTags. Octets
  // that are not ASCII are let through in values; whoever reads a value says what it may hold.
  static Result<TagList> parse(std::string_view text);

  const std::vector<Tag>& tags() const { return tags_; }
  const Tag* find(std::string_view name) const;  // names differ by case; nullptr: not there
  std::string_view value(std::string_view name, std::string_view otherwise = {}) const;

 private:
  std::vector<Tag> tags_;
};

// Space, HTAB, CR and LF at both ends; in a field whose folds are sound that is FWS.
std::string_view trim_fws(std::string_view text);
std::string without_fws(std::string_view text);  // nor inside
// What a base64string (RFC 6376 §2.10) holds; white space anywhere. Fails with bad_syntax.
Result<std::string> decode_base64_tag(std::string_view value);
// The members of a list with colons, each trimmed.
std::vector<std::string_view> split_colons(std::string_view value);

}  // namespace mail::mailauth
