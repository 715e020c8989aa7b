// How domain names lie to each other. Names in the form of dns::normalize_name(). Pure.
#pragma once

#include <string_view>

namespace mail::mailauth {

// Whether `name` is `domain` or below it.
inline bool is_within(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

}  // namespace mail::mailauth
