#include "codec/mailauth/key_record.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "codec/mailauth/tag_list.h"

namespace mail::dkim {
namespace {

bool lists(std::string_view value, std::string_view wanted) {
  return std::ranges::count(mailauth::split_colons(value), wanted) > 0;
}

}  // namespace

Result<KeyRecord> parse_key_record(std::string_view text) {
  MAIL_TRY(const mailauth::TagList tags, mailauth::TagList::parse(text));
  const mailauth::Tag* const key = tags.find("p");
  if (key == nullptr) return fail(Errc::bad_syntax, "a key record without p=");
  if (const mailauth::Tag* const version = tags.find("v")) {
    // RFC 6376 §3.6.1: "This tag MUST be the first tag"; another value "MUST be discarded".
    if (version != &tags.tags().front() || version->value != "DKIM1") {
      return fail(Errc::not_allowed, "a key record of another version");
    }
  }
  KeyRecord record;
  const std::string_view kind = tags.value("k", "rsa");
  if (kind == "ed25519") {
    record.kind = crypto::KeyKind::ed25519;
  } else if (kind != "rsa") {
    return fail(Errc::not_allowed, "a key of a kind that we do not know");
  }
  const std::string_view services = tags.value("s", "*");
  if (!lists(services, "*") && !lists(services, "email")) {
    return fail(Errc::not_allowed, "the key is for other services than mail");
  }
  if (const mailauth::Tag* const hashes = tags.find("h")) {
    record.sha256 = lists(hashes->value, "sha256");
    record.sha1 = lists(hashes->value, "sha1");
  }
  const std::string_view flags = tags.value("t");
  record.testing = lists(flags, "y");
  record.strict_identity = lists(flags, "s");
  MAIL_TRY(record.octets, mailauth::decode_base64_tag(key->value));
  return record;
}

}  // namespace mail::dkim
