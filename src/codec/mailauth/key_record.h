// DKIM key records (RFC 6376 §3.6.1, RFC 8463 §3). Pure; the record keeps no view.
#pragma once

#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"

namespace mail::dkim {

struct KeyRecord {
  crypto::KeyKind kind = crypto::KeyKind::rsa;
  std::string octets;            // p= decoded; empty: revoked
  bool sha256 = true;            // h= lets it be used
  bool sha1 = true;              // the same; of no use but to old corpora (RFC 8301 §3.1)
  bool testing = false;          // t=y
  bool strict_identity = false;  // t=s: i= may not be below d=
};

// What a TXT record says. Fails with bad_syntax where it is no key record, and with not_allowed
// where it is one that is not for this: another version, kind or service. g= is ignored, as RFC
// 6376 no longer has it.
Result<KeyRecord> parse_key_record(std::string_view text);

}  // namespace mail::dkim
