#include "service/signing/key_record.h"

#include "base/base64.h"
#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/key_record.h"

namespace mail::signing {

std::string record_name(const DkimKeyRow& key) {
  return concat(key.selector, "._domainkey.", key.domain);
}

std::string record_text(const DkimKeyRow& key) {
  return concat("v=DKIM1; k=", to_string(key.kind), "; p=", key.public_key);
}

Sight sight_of(const DkimKeyRow& key, const dns::Answer& answer) {
  switch (answer.kind) {
    case dns::Answer::Kind::failed:
      return Sight::unknown;
    case dns::Answer::Kind::no_data:
    case dns::Answer::Kind::no_name:
      return Sight::absent;
    case dns::Answer::Kind::found:
      break;
  }
  // RFC 6376 §3.6.2.2: of several records any may be taken.
  if (answer.records.size() != 1) return Sight::other;
  const Result<std::string> text = dns::parse_txt(answer.records.front());
  if (!text) return Sight::other;
  const Result<dkim::KeyRecord> record = dkim::parse_key_record(*text);
  if (!record) return Sight::other;
  if (record->octets.empty()) return Sight::absent;
  const bool ours =
      record->kind == key.kind && record->sha256 && base64_encode(record->octets) == key.public_key;
  return ours ? Sight::shown : Sight::other;
}

}  // namespace mail::signing
