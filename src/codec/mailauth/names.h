// How domain names are read from header fields, and how they lie to each other. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/idn.h"
#include "codec/address/utf8.h"
#include "codec/dns/name.h"

namespace mail::mailauth {

// A name as it stands in a field, in A-labels (RFC 8616 §3: U-labels "are translated to A-labels
// before being looked up"). Empty where it has U-labels that no name has, or `idn` is null.
inline std::string to_a_labels(std::string_view written, const Idn* idn) {
  if (is_ascii(written)) return std::string(written);
  if (idn == nullptr || written.size() > dns::kMaxWireName) return "";
  return idn->to_ascii(written).value_or("");
}

// Whether `name` is `domain` or below it; both in the form of dns::normalize_name().
inline bool is_within(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

}  // namespace mail::mailauth
