#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/arc_chain.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/signing.h"
#include "codec/mailauth/tag_list.h"

namespace mail::arc {
namespace {

using dkim::Form;
using dkim::Header;
using dkim::TagWriter;

// A set being made. Tags are in the order of the alphabet: the suite of ARC has signatures for it,
// and readers take any.
struct Sealing {
  const dkim::SigningKey& key;
  const crypto::Crypto& crypto;
  std::string_view algorithm;
  std::string time;
  std::string instance;
  const SealStyle& style;

  std::string message_signature(std::string_view body_hash, std::string_view signature) const {
    TagWriter writer("ARC-Message-Signature");
    writer.add("a", algorithm)
        .add_signature(signature, style.folded)
        .add("bh", base64_encode(body_hash));
    writer.add("c", "relaxed/relaxed").add("d", key.domain).add_names(style.names);
    return writer.add("i", instance).add("s", key.selector).add("t", time).text();
  }
  std::string seal(std::string_view status, std::string_view signature) const {
    TagWriter writer("ARC-Seal");
    writer.add("a", algorithm).add_signature(signature).add("cv", status).add("d", key.domain);
    return writer.add("i", instance).add("s", key.selector).add("t", time).text();
  }
};

void feed_relaxed(crypto::Digest& digest, std::string_view field) {
  const std::size_t colon = field.find(':');
  std::string relaxed;
  dkim::append_relaxed(relaxed, field.substr(0, colon), field.substr(colon + 1));
  digest.update(relaxed);
}

}  // namespace

Result<std::string> seal_in_style(const SealStyle& style, std::string_view header_block,
                                  std::string_view body_hash, const Outcome& chain,
                                  std::string_view results, const dkim::SigningKey& key,
                                  WallTime now, const crypto::Crypto& crypto) {
  if (!chain.may_be_sealed) {
    return fail(Errc::not_allowed, "the chain is sealed as failed, or has no room for a set");
  }
  MAIL_TRY(const std::string_view algorithm, dkim::algorithm_of(key));
  const Sealing sealing{key,  crypto, algorithm, dkim::seconds_of(now), concat(chain.instances + 1),
                        style};
  Header header(header_block);
  const std::string authentication =
      concat("ARC-Authentication-Results: i=", sealing.instance, "; ", mailauth::trim_fws(results));
  std::string message_signature = sealing.message_signature(body_hash, "");
  MAIL_TRY(std::string signature,
           key.key->sign(dkim::digest_to_sign(header, style.names, message_signature, crypto)));
  message_signature = sealing.message_signature(body_hash, base64_encode(signature));

  const bool first = chain.verdict == Verdict::none;
  const bool passed = chain.verdict == Verdict::pass;
  const std::string_view status = first ? "none" : passed ? "pass" : "fail";
  const auto digest = crypto.sha256();
  // RFC 8617 §5.1.1; of a chain that failed nothing but the new set (§5.1.2).
  if (passed) {
    for (const SetFields& set : read_chain(header).sets) {
      header.feed(*digest, set.results, Form::relaxed);
      header.feed(*digest, set.message_signature, Form::relaxed);
      header.feed(*digest, set.seal, Form::relaxed);
    }
  }
  for (const std::string_view field :
       {std::string_view(authentication), std::string_view(message_signature)}) {
    feed_relaxed(*digest, field);
    digest->update("\r\n");
  }
  feed_relaxed(*digest, sealing.seal(status, ""));
  MAIL_TRY(signature, key.key->sign(digest->finish()));
  return concat(sealing.seal(status, base64_encode(signature)), "\r\n", message_signature, "\r\n",
                authentication, "\r\n");
}

Result<std::string> seal(std::string_view header_block, std::string_view body_hash,
                         const Outcome& chain, std::string_view results,
                         const dkim::SigningKey& key, WallTime now, const crypto::Crypto& crypto) {
  const Header header(header_block);
  SealStyle style{dkim::names_to_sign(header)};
  // RFC 8617 §4.1.2: "SHOULD include any DKIM-Signature header fields already present".
  style.names.insert(style.names.end(), header.count("dkim-signature"), "dkim-signature");
  return seal_in_style(style, header_block, body_hash, chain, results, key, now, crypto);
}

}  // namespace mail::arc
