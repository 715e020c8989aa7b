// Reads tests.xml of the conformance suite email-address-isemail where it lies; for tests only.
// The folder of suites is MAILWRIGHT_SUITES, or shared/conformance beside the checkout.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace mail::isemail {

struct Case {
  int id = 0;
  std::string address;  // control octets, not pictures of them
  std::string category;
  std::string diagnosis;
};

// One character of a test's text: entities become octets, and U+2400.. the control octet shown.
inline void append_code_point(std::string& out, unsigned code) {
  if (code >= 0x2400 && code < 0x2420) code -= 0x2400;
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

inline std::string decode_entities(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    if (text.front() != '&' || end == std::string_view::npos) {
      out.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    const std::string name(text.substr(1, end - 1));
    if (name.starts_with("#x")) {
      append_code_point(out, static_cast<unsigned>(std::strtoul(name.c_str() + 2, nullptr, 16)));
    } else {
      out.push_back(name == "amp" ? '&' : name == "lt" ? '<' : name == "gt" ? '>' : '"');
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

// The text of <name>...</name> in `element`; "" for <name/>.
inline std::string text_of(std::string_view element, std::string_view name) {
  const std::string open = concat('<', name, '>');
  const std::size_t start = element.find(open);
  if (start == std::string_view::npos) return "";
  const std::size_t from = start + open.size();
  return decode_entities(element.substr(from, element.find("</", from) - from));
}

inline std::vector<Case> parse_cases(std::string_view xml) {
  constexpr std::string_view kStart = "<test id=\"";
  std::vector<Case> cases;
  for (std::size_t at = xml.find(kStart); at != std::string_view::npos;) {
    const std::size_t end = xml.find("</test>", at);
    const std::string_view element = xml.substr(at, end - at);
    const std::string_view id = element.substr(kStart.size());
    cases.push_back({.id = static_cast<int>(parse_number(id.substr(0, id.find('"'))).value_or(0)),
                     .address = text_of(element, "address"),
                     .category = text_of(element, "category"),
                     .diagnosis = text_of(element, "diagnosis")});
    at = xml.find(kStart, end);
  }
  return cases;
}

// Nothing where the suite is not there.
inline std::optional<std::vector<Case>> read_cases() {
  const char* named = std::getenv("MAILWRIGHT_SUITES");
  const std::string folder = named ? named : MAIL_SOURCE_DIR "/../shared/conformance";
  std::ifstream file(folder + "/email-address-isemail/tests.xml", std::ios::binary);
  if (!file) return std::nullopt;
  const std::string xml((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return parse_cases(xml);
}

// Whether a missing suite fails the run: in CI, and where somebody said where the suites are.
inline bool suite_required() {
  return std::getenv("CI") != nullptr || std::getenv("MAILWRIGHT_SUITES") != nullptr;
}

}  // namespace mail::isemail
