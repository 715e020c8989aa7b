#include "codec/mailauth/signature.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <utility>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/key_record.h"
#include "codec/mailauth/names.h"

namespace mail::dkim {
namespace {

using mailauth::TagList;

constexpr int kMinRsaBits = 1024;           // RFC 8301 §3.2
constexpr std::size_t kMaxKeysTried = 4;    // of one name, RFC 6376 §6.1.2 step 4
constexpr std::uint64_t kClockDrift = 300;  // seconds that those who sign may be ahead

Judgement neutral(std::string reason) { return {Verdict::neutral, std::move(reason)}; }
Judgement permerror(std::string reason) { return {Verdict::permerror, std::move(reason)}; }

// RFC 8601 §2.7.1 has "neutral" for syntax errors and for what cannot be processed.
Judgement read_algorithm(std::string_view value, const crypto::Crypto& crypto,
                         Signature& signature) {
  if (value == "rsa-sha256") return {};
  if (value == "ed25519-sha256") {
    signature.kind = crypto::KeyKind::ed25519;
    return {};
  }
  if (value != "rsa-sha1") return neutral("a= names an algorithm that we do not know");
  signature.hash = Hash::sha1;
  if (crypto.sha1 != nullptr) return {};
  // RFC 8301 §3.1: such signatures "have permanently failed evaluation".
  return permerror("rsa-sha1 is no longer accepted");
}

// The drafts before RFC 4871 had "0.5" or nothing.
bool is_version(std::string_view value, const crypto::Crypto& crypto) {
  const bool of_draft = value.empty() || value.starts_with("0.");
  return value == "1" || (of_draft && crypto.sha1 != nullptr);
}

// RFC 6376 §3.5; the drafts before RFC 4871 had "dns".
bool has_query(std::string_view value, const crypto::Crypto& crypto) {
  return std::ranges::any_of(mailauth::split_colons(value), [&](std::string_view query) {
    return query == "dns/txt" || (query == "dns" && crypto.sha1 != nullptr);
  });
}

std::optional<Form> read_form(std::string_view name) {
  if (name == "simple") return Form::simple;
  if (name == "relaxed") return Form::relaxed;
  return std::nullopt;
}

bool read_forms(std::string_view value, Signature& signature) {
  const std::size_t slash = value.find('/');
  const auto header = read_form(value.substr(0, slash));
  const auto body =
      slash == std::string_view::npos ? Form::simple : read_form(value.substr(slash + 1));
  if (!header || !body) return false;
  signature.header_form = *header;
  signature.body_form = *body;
  return true;
}

// A name as the grammar of d= and s= has it, lower case, in A-labels (RFC 8616 §5); empty: it is
// none (security.md 37).
std::string read_name(std::string_view written, bool needs_dot, const Idn* idn) {
  const std::string value = mailauth::to_a_labels(written, idn);
  if (value.ends_with('.') || (needs_dot && value.find('.') == std::string::npos)) return "";
  auto name = dns::normalize_name(value);
  return name && dns::is_host_name(*name) ? std::move(*name) : "";
}

// RFC 6376 §3.5: an unsigned decimal; what is too large to be held is as good as infinite.
std::optional<std::uint64_t> read_number(std::string_view value, std::size_t most_digits) {
  if (value.empty() || value.size() > most_digits || !std::ranges::all_of(value, is_digit)) {
    return std::nullopt;
  }
  return parse_number(value).value_or(std::numeric_limits<std::uint64_t>::max());
}

// dkim-quoted-printable (RFC 6376 §2.11) without its white space. Nothing where it is none.
std::optional<std::string> decode_quoted_printable(std::string_view text) {
  std::string out;
  const auto digit = [](char c) { return std::string_view("0123456789ABCDEF").find(c); };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c != '=') {
      out.push_back(c);
      continue;
    }
    if (at + 2 >= text.size() || digit(text[at + 1]) > 15 || digit(text[at + 2]) > 15) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(digit(text[at + 1]) << 4 | digit(text[at + 2])));
    at += 2;
  }
  return out;
}

Judgement read_identity(const TagList& tags, Signature& signature, const Idn* idn) {
  signature.identity_domain = signature.domain;
  const mailauth::Tag* const tag = tags.find("i");
  if (tag == nullptr) return {};
  const std::string identity = decode_quoted_printable(tag->value).value_or("");
  const std::size_t at = identity.rfind('@');
  if (at == std::string::npos) return neutral("i= is no identity");
  signature.identity_domain = read_name(std::string_view(identity).substr(at + 1), true, idn);
  if (signature.identity_domain.empty() ||
      !mailauth::is_within(signature.identity_domain, signature.domain)) {
    return neutral("i= is not at or below d=");  // RFC 6376 §6.1.1, "domain mismatch"
  }
  return {};
}

// t= and x=.
Judgement read_times(const TagList& tags, WallTime now) {
  constexpr std::size_t kAnyDigits = 76;
  const mailauth::Tag* const made = tags.find("t");
  const mailauth::Tag* const ends = tags.find("x");
  const auto made_at = read_number(made != nullptr ? made->value : "0", kAnyDigits);
  const auto ends_at = read_number(ends != nullptr ? ends->value : "0", kAnyDigits);
  if (!made_at || !ends_at) return neutral("t= or x= is no time");
  const std::int64_t since_epoch =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(0, since_epoch));
  if (ends != nullptr && made != nullptr && *ends_at <= *made_at) {
    return neutral("x= is not behind t=");
  }
  if (made != nullptr && *made_at > time + kClockDrift) return neutral("t= is in the future");
  if (ends != nullptr && *ends_at < time) {
    return permerror("the signature has expired");
  }
  return {};
}

// Tags that DKIM-Signature and ARC-Message-Signature have, and ARC-Seal has not.
Judgement read_message_tags(const TagList& tags, SignatureField field, const crypto::Crypto& crypto,
                            Signature& signature) {
  auto body_hash = mailauth::decode_base64_tag(tags.value("bh"));
  if (!body_hash || body_hash->empty()) return neutral("bh= is no base64");
  signature.body_hash = std::move(*body_hash);
  // RFC 6376 §3.5. The suite of ARC has a chain without c=, and it is relaxed.
  const bool dkim = field == SignatureField::dkim;
  if (!read_forms(tags.value("c", dkim ? "simple/simple" : "relaxed/relaxed"), signature)) {
    return neutral("c= names a canonicalization that we do not know");
  }
  signature.names = mailauth::split_colons(tags.value("h"));
  const auto is_from = [](std::string_view name) { return iequals(name, "From"); };
  // RFC 6376 §5.4. An ARC-Message-Signature vouches for what its signer names, and for no author.
  if (dkim && std::ranges::none_of(signature.names, is_from)) {
    return permerror("the From field is not signed");
  }
  if (const mailauth::Tag* const length = tags.find("l")) {
    signature.body_length = read_number(length->value, 76);
    if (!signature.body_length) return neutral("l= is no number");
  }
  if (!has_query(tags.value("q", "dns/txt"), crypto)) {
    return neutral("q= names no way to a key that we know");
  }
  return {};
}

// RFC 6376 §6.1.2, steps 5 to 8; then §6.1.3, step 4.
Judgement check_key(const Signature& signature, std::string_view text, std::string_view digest,
                    bool body_matches, const crypto::Crypto& crypto, bool& testing) {
  auto record = parse_key_record(text);
  if (!record) return permerror(std::move(record.error().detail));
  if (!(signature.hash == Hash::sha256 ? record->sha256 : record->sha1)) {
    return permerror("the key does not allow the hash of the signature");
  }
  if (record->octets.empty()) return permerror("the key is revoked");
  if (record->kind != signature.kind) return permerror("the key is of another kind than a= says");
  if (record->strict_identity && signature.identity_domain != signature.domain) {
    return permerror("the key allows no i= below d=");
  }
  const auto key = crypto.read_public_key(record->kind, record->octets);
  if (!key) return permerror(key.error().detail);
  testing = record->testing;
  if (record->kind == crypto::KeyKind::rsa && (*key)->bits() < kMinRsaBits &&
      crypto.sha1 == nullptr) {
    return {Verdict::policy, concat("an RSA key of ", (*key)->bits(), " bits is too weak")};
  }
  if (!body_matches) return {Verdict::fail, "the body was changed"};
  if (!(*key)->verify(digest, signature.octets)) {
    return {Verdict::fail, "the signature does not match the header"};
  }
  return {Verdict::pass, ""};
}

// What l= leaves out is nobody's word (security.md 37, RFC 6376 §8.2).
Judgement check_length(std::uint64_t length, std::uint64_t whole) {
  if (length > whole) return {Verdict::fail, "l= is longer than the body"};
  if (length == whole) return {Verdict::pass, ""};
  return {Verdict::policy, concat("l= leaves ", whole - length, " octets of the body unsigned")};
}

}  // namespace

std::string Signature::key_name() const { return concat(selector, "._domainkey.", domain); }

Judgement read_signature(const TagList& tags, SignatureField field, WallTime now,
                         const crypto::Crypto& crypto, Signature& signature, const Idn* idn) {
  const bool dkim = field == SignatureField::dkim;
  signature.domain = read_name(tags.value("d"), true, idn);
  signature.selector = read_name(tags.value("s"), false, idn);
  if (dkim && !is_version(tags.value("v"), crypto)) return neutral("v= is not 1");
  for (const std::string_view name : {"a", "b", "d", "s", "bh", "h"}) {
    const bool of_messages = name == "bh" || name == "h";
    if (field == SignatureField::seal && of_messages) continue;
    // Some hold that an ARC-Message-Signature need not name a field; its suite does.
    const bool may_be_empty = name == "h" && field == SignatureField::message_signature;
    const mailauth::Tag* const tag = tags.find(name);
    if (tag == nullptr || (tag->value.empty() && !may_be_empty)) {
      return neutral(concat(name, "= is missing"));
    }
  }
  if (signature.domain.empty()) return neutral("d= is no domain name");
  if (signature.selector.empty()) return neutral("s= is no name");
  if (!dns::normalize_name(signature.key_name())) return neutral("s= and d= are too long");
  if (Judgement found = read_algorithm(tags.value("a"), crypto, signature);
      found.verdict != Verdict::none) {
    return found;
  }
  signature.raw = tags.find("b")->raw;
  auto octets = mailauth::decode_base64_tag(tags.value("b"));
  if (!octets) return {Verdict::fail, "b= is no base64"};
  signature.octets = std::move(*octets);
  if (field == SignatureField::seal) {
    signature.header_form = Form::relaxed;  // RFC 8617 §4.1.3
  } else if (Judgement found = read_message_tags(tags, field, crypto, signature);
             found.verdict != Verdict::none) {
    return found;
  }
  if (dkim) {
    if (Judgement found = read_identity(tags, signature, idn); found.verdict != Verdict::none) {
      return found;
    }
  }
  return read_times(tags, now);
}

Judgement check_signature(const Signature& signature, const dns::Answer& answer,
                          std::string_view digest, const BodyHashes* bodies, std::size_t body,
                          const crypto::Crypto& crypto, bool* testing) {
  using AnswerKind = dns::Answer::Kind;
  if (answer.kind == AnswerKind::failed) {
    return {Verdict::temperror, concat("DNS could not tell about ", signature.key_name())};
  }
  const bool body_matches = bodies == nullptr || bodies->digest(body) == signature.body_hash;
  Judgement judgement = permerror(concat("there is no key at ", signature.key_name()));
  std::size_t tried = 0;
  for (const std::string& rdata : answer.records) {
    const auto text = dns::parse_txt(rdata);
    if (!text || tried == kMaxKeysTried) continue;
    ++tried;
    bool test_key = false;
    Judgement found = check_key(signature, *text, digest, body_matches, crypto, test_key);
    // The word of a key that could be used counts more than one of those that could not.
    const bool better = tried == 1 || judgement.verdict == Verdict::permerror;
    if (found.verdict != Verdict::pass && !better) continue;
    judgement = std::move(found);
    if (testing != nullptr) *testing = test_key;
    if (judgement.verdict == Verdict::pass) break;
  }
  if (judgement.verdict == Verdict::pass && bodies != nullptr && signature.body_length) {
    return check_length(*signature.body_length, bodies->length(signature.body_form));
  }
  return judgement;
}

std::string header_digest(const Signature& signature, Header& header, std::size_t self,
                          const crypto::Crypto& crypto) {
  const auto digest = signature.hash == Hash::sha256 ? crypto.sha256() : crypto.sha1();
  header.feed(*digest, signature.names, signature.header_form, self);
  feed_unsigned(*digest, header.fields()[self], signature);
  return digest->finish();
}

void feed_unsigned(crypto::Digest& digest, const Field& field, const Signature& signature) {
  const std::string bare = without_signature(field.whole, signature.raw);
  if (signature.header_form == Form::simple) return digest.update(bare);
  std::string relaxed;
  append_relaxed(relaxed, field.name, std::string_view(bare).substr(bare.find(':') + 1));
  digest.update(relaxed);
}

std::size_t add_question(std::vector<Question>& questions, std::string name) {
  const auto found = std::ranges::find(questions, name, &Question::name);
  if (found != questions.end()) return static_cast<std::size_t>(found - questions.begin());
  questions.push_back({std::move(name), dns::Type::txt});
  return questions.size() - 1;
}

}  // namespace mail::dkim
