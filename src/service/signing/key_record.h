// The record that publishes a signing key (RFC 6376 §3.6.1, RFC 8463 §4), and what the DNS shows of
// one. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/resolver.h"
#include "service/directory/dkim_key_row.h"

namespace mail::signing {

std::string record_name(const DkimKeyRow& key);  // "s._domainkey.yahoo.test"
std::string record_text(const DkimKeyRow& key);  // "v=DKIM1; k=rsa; p=..."

enum class Sight : std::uint8_t {
  unknown,  // no answer: nothing is known
  absent,   // no such record, or one that revokes (p= is empty)
  shown,    // this key, alone
  other,    // something else, or several records
};
Sight sight_of(const DkimKeyRow& key, const dns::Answer& answer);

}  // namespace mail::signing
