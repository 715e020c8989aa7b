// A DMARC policy record as a value (draft-ietf-dmarc-dmarcbis-41 §4.7-8; RFC 7489 §6.3).
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::dmarc {

enum class Policy : std::uint8_t { none, quarantine, reject };
std::string_view to_string(Policy policy);

enum class PublicSuffix : std::uint8_t { unknown, yes, no };  // the "psd" tag

struct Record {
  // False where §4.10.1 wants no DMARC at all: no valid p=, or a bad sp= or np=, and nobody to
  // tell.
  bool applies = true;
  Policy policy = Policy::none;       // p
  std::optional<Policy> subdomain;    // sp
  std::optional<Policy> nonexistent;  // np
  bool strict_dkim = false;           // adkim
  bool strict_spf = false;            // aspf
  bool testing = false;  // t=y, and pct=0 of RFC 7489, which it replaces (dmarcbis appendix A.6)
  PublicSuffix public_suffix = PublicSuffix::unknown;
  std::vector<std::string> aggregate_uris;  // rua, without the obsolete "!10m"; at most 16
  std::vector<std::string> failure_uris;    // ruf, likewise
  std::string failure_options = "0";        // fo
  bool operator==(const Record&) const = default;
};

// Whether a TXT record begins as one: "v=DMARC1" as its first tag.
bool is_record(std::string_view text);

// Bad tags count as absent, unknown ones are passed over, of two the first holds. Fails with
// bad_syntax where it is no record.
Result<Record> parse_record(std::string_view text);

}  // namespace mail::dmarc
