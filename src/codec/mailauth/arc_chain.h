// The ARC fields of a header as sets (RFC 8617 §4.2, §5.2 steps 1 to 3). Pure. Views point into
// the header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/tag_list.h"

namespace mail::arc {

// One of each, by their places in Header::fields().
struct SetFields {
  std::size_t results = 0;
  std::size_t message_signature = 0;
  std::size_t seal = 0;
  std::string_view results_text;  // behind "i=n;"
  mailauth::TagList message_signature_tags;
  mailauth::TagList seal_tags;
};

struct Chain {
  std::vector<SetFields> sets;    // by instance; empty where the chain is broken
  std::uint32_t highest = 0;      // instance found
  bool sealed_as_failed = false;  // the newest seal says cv=fail
  std::string broken;             // why its structure is no good; empty: it is
};
Chain read_chain(const dkim::Header& header);

}  // namespace mail::arc
