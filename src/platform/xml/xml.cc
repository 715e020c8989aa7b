#include "platform/xml/xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <utility>

#include "base/text.h"

namespace mail::xml {
namespace {

std::string_view trim_all(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view local_name(std::string_view name) {
  return name.substr(name.rfind(':') + 1);  // npos + 1 is 0
}

class Reader {
 public:
  explicit Reader(Limits limits) : limits_(limits) {}

  // No deeper than max_depth, so the recursion is bounded.
  Result<Element> read(const pugi::xml_node& node, std::size_t depth) {
    if (depth > limits_.max_depth) return fail(Errc::too_large, "XML nested too deeply");
    if (++elements_ > limits_.max_elements) return fail(Errc::too_large, "too many XML elements");
    Element element;
    element.name = local_name(node.name());
    for (const pugi::xml_attribute& attribute : node.attributes()) {
      element.attributes.push_back({std::string(local_name(attribute.name())), attribute.value()});
    }
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        element.text += child.value();
      } else if (child.type() == pugi::node_element) {
        auto read_child = read(child, depth + 1);
        if (!read_child) return read_child;
        element.children.push_back(*std::move(read_child));
      }
    }
    element.text = std::string(trim_all(element.text));
    return element;
  }

 private:
  Limits limits_;
  std::size_t elements_ = 0;
};

// Controls other than blanks are no characters of XML 1.0 (§2.2).
std::string writable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const bool control = static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n';
    if (control || c == '\x7F') c = '?';
  }
  return out;
}

void write(pugi::xml_node parent, const Element& element) {
  pugi::xml_node node = parent.append_child(element.name.c_str());
  for (const Attribute& attribute : element.attributes) {
    node.append_attribute(attribute.name.c_str()).set_value(writable(attribute.value).c_str());
  }
  if (!element.text.empty()) node.text().set(writable(element.text).c_str());
  for (const Element& child : element.children) write(node, child);
}

class StringWriter final : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override {
    out.append(static_cast<const char*>(data), size);
  }
  std::string out;
};

}  // namespace

const Element* Element::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &Element::name);
  return found == children.end() ? nullptr : &*found;
}

std::string_view Element::text_of(std::string_view wanted) const {
  const Element* const found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

std::string_view Element::attribute(std::string_view wanted) const {
  const auto found = std::ranges::find(attributes, wanted, &Attribute::name);
  return found == attributes.end() ? std::string_view() : std::string_view(found->value);
}

Element& Element::add(std::string_view child_name, std::string_view child_text) {
  children.push_back({.name = std::string(child_name), .text = std::string(child_text)});
  return children.back();
}

Result<Element> parse(std::string_view document, Limits limits) {
  if (document.size() > limits.max_bytes) return fail(Errc::too_large, "XML document too large");
  // Before pugixml makes a tree of it, which takes some twenty times the octets of the smallest
  // elements and attributes.
  const auto count = [&](char c) {
    return static_cast<std::size_t>(std::ranges::count(document, c));
  };
  if (count('<') > 2 * limits.max_elements || count('=') > 2 * limits.max_elements) {
    return fail(Errc::too_large, "too many XML elements");
  }
  pugi::xml_document parsed;
  const pugi::xml_parse_result result =
      parsed.load_buffer(document.data(), document.size(), pugi::parse_default);
  if (!result) {
    return fail(Errc::bad_syntax, concat("XML: ", result.description(), " at octet ",
                                         static_cast<std::int64_t>(result.offset)));
  }
  const pugi::xml_node root = parsed.document_element();
  if (!root) return fail(Errc::bad_syntax, "XML without an element");
  return Reader(limits).read(root, 0);
}

std::string to_string(const Element& root) {
  pugi::xml_document document;
  write(document, root);
  StringWriter writer;
  document.save(writer, "  ", pugi::format_default, pugi::encoding_utf8);
  return std::move(writer.out);
}

}  // namespace mail::xml
