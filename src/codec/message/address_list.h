// Address lists as they stand in From, To and the like (RFC 5322 §3.4, with the obsolete forms of
// §4.4; RFC 6532: octets above 127 count as letters). Pure, without memory, linear in the input.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace mail::message {

struct AddressListShape {
  std::size_t mailboxes = 0;  // those within groups too
  std::size_t groups = 0;     // RFC 6854 allows them in From
};
// Fails with bad_syntax.
Result<AddressListShape> parse_address_list(std::string_view value);

}  // namespace mail::message
