#include "codec/mailauth/dmarc_record.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/text.h"

namespace mail::dmarc {
namespace {

constexpr std::size_t kMaxUris = 16;

using Tag = std::pair<std::string_view, std::string_view>;

// Nothing where there is no '='.
std::optional<Tag> parse_tag(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  return Tag{trim(text.substr(0, equals)), trim(text.substr(equals + 1))};
}

bool is_version(std::string_view tag) {
  const auto parsed = parse_tag(tag);
  return parsed && iequals(parsed->first, "v") && parsed->second == "DMARC1";
}

std::optional<Policy> parse_policy(std::string_view value) {
  for (const Policy policy : {Policy::none, Policy::quarantine, Policy::reject}) {
    if (iequals(value, to_string(policy))) return policy;
  }
  return std::nullopt;
}

// dmarc-uri in printable ASCII with a scheme (RFC 3986 §3.1).
bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto in_scheme = [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; };
  return is_alpha(text[0]) && std::ranges::all_of(text.substr(0, colon), in_scheme) &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::vector<std::string> parse_uris(std::string_view value) {
  std::vector<std::string> uris;
  for (std::string_view part : split(value, ',')) {
    part = trim(part.substr(0, part.find('!')));  // obs-dmarc-report-size; '!' is encoded in URIs
    if (is_uri(part) && uris.size() < kMaxUris) uris.emplace_back(part);
  }
  return uris;
}

// dmarc-fo, each at most once, and not both digits.
bool is_failure_options(std::string_view value) {
  std::string seen;
  for (const std::string_view part : split(value, ':')) {
    const std::string_view option = trim(part);
    if (option.size() != 1 ||
        std::string_view("01dsDS").find(option[0]) == std::string_view::npos) {
      return false;
    }
    const char kind = is_digit(option[0]) ? '0' : ascii_lower(option[0]);
    if (seen.find(kind) != std::string::npos) return false;
    seen.push_back(kind);
  }
  return true;
}

class Tags {
 public:
  explicit Tags(std::string_view text) {
    for (const std::string_view part : split(text, ';')) {
      if (const auto tag = parse_tag(part)) tags_.push_back(*tag);
    }
  }
  std::optional<std::string_view> find(std::string_view name) const {
    const auto tag =
        std::ranges::find_if(tags_, [&](const Tag& t) { return iequals(t.first, name); });
    if (tag == tags_.end()) return std::nullopt;
    return tag->second;
  }
  bool is(std::string_view name, std::string_view value) const {
    const auto found = find(name);
    return found && iequals(*found, value);
  }

 private:
  std::vector<Tag> tags_;
};

}  // namespace

std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::none:
      break;
    case Policy::quarantine:
      return "quarantine";
    case Policy::reject:
      return "reject";
  }
  return "none";
}

bool is_record(std::string_view text) { return is_version(text.substr(0, text.find(';'))); }

Result<Record> parse_record(std::string_view text) {
  if (!is_record(text)) return fail(Errc::bad_syntax, "a DMARC record begins with v=DMARC1");
  const Tags tags(text);
  Record record;
  record.strict_dkim = tags.is("adkim", "s");
  record.strict_spf = tags.is("aspf", "s");
  record.testing = tags.is("t", "y") || (!tags.find("t") && tags.is("pct", "0"));
  if (tags.is("psd", "y")) record.public_suffix = PublicSuffix::yes;
  if (tags.is("psd", "n")) record.public_suffix = PublicSuffix::no;
  record.aggregate_uris = parse_uris(tags.find("rua").value_or(""));
  record.failure_uris = parse_uris(tags.find("ruf").value_or(""));
  const std::string_view options = tags.find("fo").value_or("0");
  if (is_failure_options(options)) record.failure_options = to_lower(options);

  const auto policy = parse_policy(tags.find("p").value_or(""));
  bool whole = policy.has_value();
  const auto other = [&](std::string_view name, std::optional<Policy>& place) {
    const auto value = tags.find(name);
    if (!value) return;
    place = parse_policy(*value);
    whole = whole && place.has_value();
  };
  other("sp", record.subdomain);
  other("np", record.nonexistent);
  if (whole) {
    record.policy = *policy;
    return record;
  }
  // dmarcbis §4.10.1: as p=none where somebody wants reports, else as no record.
  record.applies = !record.aggregate_uris.empty();
  record.subdomain.reset();
  record.nonexistent.reset();
  return record;
}

}  // namespace mail::dmarc
