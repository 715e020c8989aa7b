// Reads the conformance suite spf-rfc7208 where it lies; for tests only. Not YAML at large, but the
// part of it that the suite uses: two levels of maps with scalars or lists of one line.
// The folder of suites is MAILWRIGHT_SUITES, or shared/conformance beside the checkout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/dns/table_resolver.h"

namespace mail::spf::suite {

using Values = std::vector<std::string>;  // a scalar is a list of one

struct Case {
  std::string name;
  std::map<std::string, Values, std::less<>> keys;

  std::string get(std::string_view key) const {
    const auto found = keys.find(key);
    return found == keys.end() || found->second.empty() ? "" : found->second.front();
  }
};

struct ZoneRecord {
  std::string owner;
  std::string type;  // "TIMEOUT" has no values
  Values values;
};

struct Scenario {
  std::vector<Case> cases;
  std::vector<ZoneRecord> zone;
};

// A scalar at the start of `text`, cut off from it; plain ones end before one of `ends`.
inline std::string take_scalar(std::string_view& text, std::string_view ends) {
  std::string out;
  const char quote = text.empty() ? '\0' : text[0];
  if (quote != '"' && quote != '\'') {
    const std::size_t end = std::min(text.find_first_of(ends), text.size());
    out = trim(text.substr(0, end));
    text.remove_prefix(end);
    return out;
  }
  text.remove_prefix(1);
  while (!text.empty() && text[0] != quote) {
    if (quote == '\'' || text[0] != '\\') {
      out.push_back(text[0]);
      text.remove_prefix(1);
    } else if (text[1] == 'x') {
      out.push_back(static_cast<char>(std::stoi(std::string(text.substr(2, 2)), nullptr, 16)));
      text.remove_prefix(4);
    } else {
      out.push_back(text[1] == '0' ? '\0' : text[1]);
      text.remove_prefix(2);
    }
  }
  text.remove_prefix(std::min<std::size_t>(1, text.size()));
  return out;
}

inline Values parse_values(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('[')) return {take_scalar(text, "")};
  Values values;
  text.remove_prefix(1);
  for (;;) {
    while (!text.empty() && (text[0] == ' ' || text[0] == ',')) text.remove_prefix(1);
    if (text.empty() || text[0] == ']') return values;
    values.push_back(take_scalar(text, ",]"));
  }
}

inline std::vector<Scenario> parse(std::istream& file) {
  std::vector<Scenario> scenarios;
  std::string section;
  std::string owner;
  for (std::string line; std::getline(file, line);) {
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos || line[indent] == '#') continue;
    std::string_view rest = std::string_view(line).substr(indent);
    if (indent == 0) {
      if (rest == "---") scenarios.emplace_back();
      section = rest.substr(0, rest.find(':'));
      continue;
    }
    if (scenarios.empty() || (section != "tests" && section != "zonedata")) continue;
    Scenario& scenario = scenarios.back();
    const bool tests = section == "tests";
    if (indent == 2) {
      // Owners may have colons: the one at the end is meant.
      std::string_view key = trim(rest);
      key.remove_suffix(1);
      owner = take_scalar(key, "");
      if (tests) scenario.cases.push_back({owner, {}});
    } else if (indent == 4 && tests) {
      const std::size_t colon = rest.find(':');
      if (colon == std::string_view::npos) continue;
      scenario.cases.back().keys[std::string(rest.substr(0, colon))] =
          parse_values(rest.substr(colon + 1));
    } else if (indent == 4 && rest.starts_with("- ")) {
      rest.remove_prefix(2);
      const std::size_t colon = rest.find(':');
      ZoneRecord record{owner, std::string(trim(rest.substr(0, colon))), {}};
      if (colon != std::string_view::npos) record.values = parse_values(rest.substr(colon + 1));
      scenario.zone.push_back(std::move(record));
    }
  }
  return scenarios;
}

// Nothing where the suite is not there.
inline std::optional<std::vector<Scenario>> read() {
  const char* named = std::getenv("MAILWRIGHT_SUITES");
  const std::string folder = named ? named : MAIL_SOURCE_DIR "/../shared/conformance";
  std::ifstream file(folder + "/spf-rfc7208/rfc7208-tests.yml", std::ios::binary);
  if (!file) return std::nullopt;
  return parse(file);
}

inline bool required() {
  return std::getenv("CI") != nullptr || std::getenv("MAILWRIGHT_SUITES") != nullptr;
}

inline std::string encode_strings(const Values& strings) {
  std::string rdata;
  for (const std::string& text : strings) append(rdata, static_cast<char>(text.size()), text);
  return rdata;
}

inline void fill(dns::TableResolver& dns, const Scenario& scenario) {
  using dns::Type;
  std::map<std::string, std::map<Type, int>> there;
  const auto add = [&](const std::string& owner, Type type, std::string rdata) {
    dns.add(owner, type, std::move(rdata));
    ++there[to_lower(owner)][type];
  };
  // An SPF record is a TXT record too, unless the name has TXT of its own, or "TXT: NONE".
  std::map<std::string, bool> own_txt;
  for (const ZoneRecord& record : scenario.zone) {
    if (record.type == "TXT") own_txt[to_lower(record.owner)] = true;
  }
  for (const auto& [owner, type, values] : scenario.zone) {
    dns.empty(owner);
    const std::string first = values.empty() ? "" : values.front();
    if (type == "A" || type == "AAAA") {
      const bool v4 = type == "A";
      add(owner, v4 ? Type::a : Type::aaaa, dns::encode_address(IpAddress::parse(first).value()));
    } else if (type == "MX") {
      const std::string host = values.at(1).empty() ? "." : values.at(1);
      add(owner, Type::mx,
          dns::encode_mx({static_cast<std::uint16_t>(parse_number(first).value_or(0)), host}));
    } else if (type == "PTR" || type == "CNAME") {
      add(owner, type == "PTR" ? Type::ptr : Type::cname, dns::to_wire(first).value());
    } else if ((type == "TXT" && first != "NONE") ||
               (type == "SPF" && !own_txt.contains(to_lower(owner)))) {
      add(owner, Type::txt, encode_strings(values));
    }
  }
  for (const auto& [owner, type, values] : scenario.zone) {
    if (type != "TIMEOUT") continue;
    for (const Type asked : {Type::a, Type::aaaa, Type::mx, Type::ptr, Type::txt}) {
      if (!there[to_lower(owner)].contains(asked)) dns.fail(owner, asked, "timeout");
    }
  }
}

}  // namespace mail::spf::suite
