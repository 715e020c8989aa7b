// What a DKIM-Signature, ARC-Message-Signature or ARC-Seal field says (RFC 6376 §3.5, RFC 8617
// §4.1), and whether a key bears it out. Pure. Views point into the field given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/idn.h"
#include "base/resolver.h"
#include "base/result.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/tag_list.h"

namespace mail::dkim {

enum class SignatureField : std::uint8_t { dkim, message_signature, seal };

struct Signature {
  crypto::KeyKind kind = crypto::KeyKind::rsa;
  Hash hash = Hash::sha256;
  Form header_form = Form::simple;
  Form body_form = Form::simple;
  std::string octets;     // b=
  std::string body_hash;  // bh=
  std::optional<std::uint64_t> body_length;
  std::string domain;                   // d=, lower case, A-labels
  std::string selector;                 // s=, likewise
  std::string identity_domain;          // of i=, likewise; d= where there is none
  std::vector<std::string_view> names;  // h=
  std::string_view raw;                 // the value of b= as it stands

  std::string key_name() const;  // to be asked for
};

// What a signature comes to.
struct Judgement {
  Verdict verdict = Verdict::none;
  std::string reason;
};

// Fills in as much of `signature` as can be read; none: it may be checked. `crypto.sha1` decides
// whether rsa-sha1 is known, `idn` reads U-labels (RFC 8616 §5); without it they are no names.
Judgement read_signature(const mailauth::TagList& tags, SignatureField field, WallTime now,
                         const crypto::Crypto& crypto, Signature& signature,
                         const Idn* idn = nullptr);

// Whether one of the keys that DNS has bears the signature out. `digest` is that of the header;
// `bodies` are finished, `body` is the number of the signature's own. nullptr: it signs no body.
// `testing`: the key says t=y.
Judgement check_signature(const Signature& signature, const dns::Answer& answer,
                          std::string_view digest, const BodyHashes* bodies, std::size_t body,
                          const crypto::Crypto& crypto, bool* testing = nullptr);

// The digest of what a field with a signature covers: the fields that h= names, and then itself
// (RFC 6376 §3.7).
std::string header_digest(const Signature& signature, Header& header, std::size_t self,
                          const crypto::Crypto& crypto);

// Feeds a field in the form of its signature, without the value of b= and the CRLF (§3.7).
void feed_unsigned(crypto::Digest& digest, const Field& field, const Signature& signature);

// Puts the name among the questions unless it is there; gives its place.
std::size_t add_question(std::vector<Question>& questions, std::string name);

}  // namespace mail::dkim
