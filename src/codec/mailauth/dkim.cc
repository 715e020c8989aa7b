#include "codec/mailauth/dkim.h"

#include <memory>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/signature.h"
#include "codec/mailauth/tag_list.h"

namespace mail::dkim {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::none:
      break;
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::policy:
      return "policy";
    case Verdict::neutral:
      return "neutral";
    case Verdict::temperror:
      return "temperror";
    case Verdict::permerror:
      return "permerror";
  }
  return "none";
}

// All that the header is needed for is done at once; what is left are digests.
namespace {

class Check final : public mailauth::Verification<Outcome>::Run {
 public:
  Check(std::string_view header_block, WallTime now, const crypto::Crypto& crypto, const Idn* idn)
      : Run(crypto) {
    Header header(header_block);
    for (std::size_t i = 0; i < header.fields().size(); ++i) {
      if (!iequals(header.fields()[i].name, "DKIM-Signature")) continue;
      if (outcome_.signatures.size() == kMaxSignatures) break;
      add(header, i, now, idn);
    }
  }

 private:
  struct Candidate {
    std::size_t result;  // in outcome_
    Signature signature;
    std::string digest;  // of the header
    std::size_t body;    // in bodies_
    std::size_t question;
  };

  void add(Header& header, std::size_t field, WallTime now, const Idn* idn);
  void conclude() override;

  std::vector<Candidate> candidates_;
};

void Check::add(Header& header, std::size_t field, WallTime now, const Idn* idn) {
  SignatureResult& result = outcome_.signatures.emplace_back();
  const auto tags = mailauth::TagList::parse(header.fields()[field].value);
  if (!tags) {
    result.verdict = Verdict::neutral;
    result.reason = tags.error().detail;
    return;
  }
  Candidate candidate;
  candidate.result = outcome_.signatures.size() - 1;
  Signature& signature = candidate.signature;
  Judgement judgement = read_signature(*tags, SignatureField::dkim, now, crypto_, signature, idn);
  result.verdict = judgement.verdict;
  result.reason = std::move(judgement.reason);
  result.domain = signature.domain;
  result.selector = signature.selector;
  result.identity = mailauth::without_fws(tags->value("i"));
  result.algorithm = tags->value("a");
  result.b_prefix = mailauth::without_fws(tags->value("b")).substr(0, 8);  // RFC 6008 §4
  if (result.verdict != Verdict::none) return;
  candidate.digest = header_digest(signature, header, field, crypto_);
  candidate.body = bodies_.want(signature.body_form, signature.body_length, signature.hash);
  candidate.question = add_question(questions_, signature.key_name());
  signature.names.clear();  // views into a header that may go now
  signature.raw = {};
  candidates_.push_back(std::move(candidate));
}

void Check::conclude() {
  for (const Candidate& candidate : candidates_) {
    SignatureResult& result = outcome_.signatures[candidate.result];
    Judgement judgement =
        check_signature(candidate.signature, answers_[candidate.question], candidate.digest,
                        &bodies_, candidate.body, crypto_, &result.testing);
    result.verdict = judgement.verdict;
    result.reason = std::move(judgement.reason);
  }
}

}  // namespace

Verifier::Verifier(std::string_view header_block, WallTime now, const crypto::Crypto& crypto,
                   const Idn* idn)
    : Verification(std::make_unique<Check>(header_block, now, crypto, idn)) {}

}  // namespace mail::dkim
