// XML documents as a plain tree of elements, read and written by pugixml, which xml.cc alone sees.
// No DTD is heeded and no entity expanded but the five of XML and characters by number: neither a
// bomb nor a file of ours can be named (security.md 1). Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::xml {

struct Attribute {
  std::string name;
  std::string value;
};

struct Element {
  std::string name;  // read: without a namespace prefix
  std::string text;  // its own, trimmed
  std::vector<Attribute> attributes{};
  std::vector<Element> children{};

  const Element* child(std::string_view wanted) const;      // the first; null: none
  std::string_view text_of(std::string_view wanted) const;  // of the first such child, or empty
  std::string_view attribute(std::string_view wanted) const;
  Element& add(std::string_view child_name, std::string_view child_text = {});
};

struct Limits {
  std::size_t max_bytes = std::size_t{16} << 20;
  std::size_t max_depth = 16;
  std::size_t max_elements = 500'000;
};

// The root element. Fails with bad_syntax (and where), or too_large.
Result<Element> parse(std::string_view document, Limits limits = {});
// A whole document in UTF-8, indented. Octets XML cannot hold become question marks.
std::string to_string(const Element& root);

}  // namespace mail::xml
