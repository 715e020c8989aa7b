// Any octets as XML: the limits hold, and what is read is written as something that is read the
// same again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "platform/xml/xml.h"

namespace {

using mail::xml::Element;

constexpr mail::xml::Limits kLimits{.max_bytes = 1 << 16, .max_depth = 8, .max_elements = 500};

std::size_t measure(const Element& element, std::size_t depth) {
  MAIL_ASSERT(depth <= kLimits.max_depth);
  std::size_t elements = 1;
  for (const Element& child : element.children) elements += measure(child, depth + 1);
  return elements;
}

bool is_same(const Element& a, const Element& b) {
  return a.name == b.name && a.children.size() == b.children.size() &&
         a.attributes.size() == b.attributes.size() &&
         std::ranges::equal(a.children, b.children, is_same);
}

// pugixml takes names that XML has not; nobody writes such.
bool is_plain(std::string_view name) {
  return !name.empty() && mail::is_alpha(name[0]) && std::ranges::all_of(name, mail::is_alnum);
}
bool is_writable(const Element& element) {
  return is_plain(element.name) && std::ranges::all_of(element.children, is_writable) &&
         std::ranges::all_of(element.attributes,
                             [](const auto& attribute) { return is_plain(attribute.name); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = mail::xml::parse(text, kLimits);
  if (!root) return 0;
  MAIL_ASSERT(text.size() <= kLimits.max_bytes);
  MAIL_ASSERT(measure(*root, 0) <= kLimits.max_elements);
  if (!is_writable(*root)) return 0;
  const auto again = mail::xml::parse(mail::xml::to_string(*root));
  MAIL_ASSERT(again && is_same(*again, *root));
  return 0;
}
