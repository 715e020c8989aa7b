#include "codec/mailauth/arc.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/arc_chain.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/signature.h"
#include "codec/message/header_block.h"

namespace mail::arc {
namespace {

using dkim::BodyHashes;
using dkim::Form;
using dkim::Header;
using dkim::Judgement;
using dkim::Signature;
using dkim::SignatureField;

// With the ten of DKIM that makes 40 for a message (security.md 38).
constexpr std::size_t kMaxKeys = 30;
constexpr std::size_t kMaxBodyHashes = 10;

// One AMS or AS: read, and ready to be checked.
struct Candidate {
  Judgement read;  // where it cannot be checked
  Signature signature;
  std::string digest;
  std::size_t body = 0;
  bool asked = false;
  std::size_t question = 0;  // in questions_, where it is asked
};

// RFC 8617 §5.1.1: the sets in order, each AAR, AMS, AS, the last seal without its signature.
std::string seal_digest(Header& header, const std::vector<SetFields>& sets, std::size_t count,
                        const Signature& signature, const crypto::Crypto& crypto) {
  const auto digest = signature.hash == dkim::Hash::sha256 ? crypto.sha256() : crypto.sha1();
  for (std::size_t i = 0; i < count; ++i) {
    header.feed(*digest, sets[i].results, Form::relaxed);
    header.feed(*digest, sets[i].message_signature, Form::relaxed);
    if (i + 1 < count) header.feed(*digest, sets[i].seal, Form::relaxed);
  }
  dkim::feed_unsigned(*digest, header.fields()[sets[count - 1].seal], signature);
  return digest->finish();
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::none:
      break;
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::temperror:
      return "temperror";
  }
  return "none";
}

namespace {

class Check final : public mailauth::Verification<Outcome>::Run {
 public:
  Check(std::string_view header_block, WallTime now, const crypto::Crypto& crypto, const Idn* idn)
      : Run(crypto), now_(now), idn_(idn) {
    Header header(header_block);
    const Chain chain = read_chain(header);
    outcome_.instances = chain.highest;
    outcome_.may_be_sealed = !chain.sealed_as_failed && chain.highest < kMaxSets;
    if (chain.sealed_as_failed) {  // RFC 8617 §5.2 step 2
      end_with(Verdict::fail, "the newest seal says cv=fail");
    } else if (!chain.broken.empty()) {
      end_with(Verdict::fail, chain.broken);
    } else if (!chain.sets.empty()) {
      prepare(header, chain.sets);
    } else {
      done_ = true;
    }
  }

 private:
  void prepare(Header& header, const std::vector<SetFields>& sets);
  void read_message_signature(Header& header, const SetFields& set, Candidate& out);
  void read_seal(Header& header, const std::vector<SetFields>& sets, std::size_t index);
  bool ask_for(Candidate& candidate);
  Judgement check(const Candidate& candidate, bool with_body) const;
  // Whether the signature stands; where not, ends the whole.
  bool stands(const Candidate& candidate, bool with_body, std::string_view what, std::size_t set);
  void conclude() override;
  void end_with(Verdict verdict, std::string reason) {
    done_ = true;
    if (!ended_) bodies_ = BodyHashes(crypto_);  // nobody needs a hash any more
    outcome_.verdict = verdict;
    outcome_.reason = std::move(reason);
    if (verdict != Verdict::pass) outcome_.sets.clear();
  }

  const WallTime now_;
  const Idn* const idn_;
  std::vector<Candidate> seals_;               // by instance
  std::vector<Candidate> message_signatures_;  // by instance
  bool done_ = false;                          // the verdict stands
};

// Everything that the header is needed for; whatever fails without a question fails here.
void Check::prepare(Header& header, const std::vector<SetFields>& sets) {
  const std::size_t count = sets.size();
  seals_.reserve(count);
  message_signatures_.resize(count);
  read_message_signature(header, sets.back(), message_signatures_.back());
  if (message_signatures_.back().read.verdict != dkim::Verdict::none) {
    return end_with(Verdict::fail, concat("message signature ", count, ": ",
                                          message_signatures_.back().read.reason));
  }
  ask_for(message_signatures_.back());
  for (std::size_t i = 0; i < count; ++i) {
    read_seal(header, sets, i);
    if (seals_[i].read.verdict != dkim::Verdict::none || !ask_for(seals_[i])) {
      questions_.clear();
      const bool unread = seals_[i].read.verdict != dkim::Verdict::none;
      return end_with(Verdict::fail, concat("seal ", i + 1, ": ",
                                            unread ? std::string_view(seals_[i].read.reason)
                                                   : "the chain has too many keys"));
    }
    outcome_.sets.push_back({static_cast<std::uint32_t>(i + 1), seals_[i].signature.domain,
                             message::unfold(sets[i].results_text)});
  }
  // Older ones tell only since when the message is unchanged.
  for (std::size_t i = count - 1; i-- > 0;) {
    Candidate& older = message_signatures_[i];
    read_message_signature(header, sets[i], older);
    if (older.read.verdict != dkim::Verdict::none || !ask_for(older)) break;
  }
}

void Check::read_message_signature(Header& header, const SetFields& set, Candidate& out) {
  Signature& signature = out.signature;
  out.read = dkim::read_signature(set.message_signature_tags, SignatureField::message_signature,
                                  now_, crypto_, signature, idn_);
  if (out.read.verdict != dkim::Verdict::none) return;
  // RFC 8617 §4.1.2 wants no ARC field there; seals are what nobody can sign. The others are signed
  // by some, and harm nobody.
  const auto is_seal = [](std::string_view name) { return iequals(name, "ARC-Seal"); };
  if (std::ranges::any_of(signature.names, is_seal)) {
    out.read = {dkim::Verdict::neutral, "h= names ARC-Seal"};
    return;
  }
  if (bodies_.size() == kMaxBodyHashes) {
    out.read = {dkim::Verdict::policy, "too many different l="};
    return;
  }
  out.digest = dkim::header_digest(signature, header, set.message_signature, crypto_);
  out.body = bodies_.want(signature.body_form, signature.body_length, signature.hash);
}

void Check::read_seal(Header& header, const std::vector<SetFields>& sets, std::size_t index) {
  Candidate& seal = seals_.emplace_back();
  const mailauth::TagList& tags = sets[index].seal_tags;
  seal.read = dkim::read_signature(tags, SignatureField::seal, now_, crypto_, seal.signature, idn_);
  // RFC 8617 §4.1.3: h= "MUST result in a cv status of fail".
  if (seal.read.verdict == dkim::Verdict::none && tags.find("h") != nullptr) {
    seal.read = {dkim::Verdict::neutral, "it has h="};
  }
  if (seal.read.verdict != dkim::Verdict::none) return;
  seal.digest = seal_digest(header, sets, index + 1, seal.signature, crypto_);
}

bool Check::ask_for(Candidate& candidate) {
  candidate.signature.names.clear();  // views into a header that may go
  candidate.signature.raw = {};
  std::string name = candidate.signature.key_name();
  const bool known = std::ranges::find(questions_, name, &Question::name) != questions_.end();
  if (!known && questions_.size() == kMaxKeys) return false;
  candidate.asked = true;
  candidate.question = dkim::add_question(questions_, std::move(name));
  return true;
}

Judgement Check::check(const Candidate& candidate, bool with_body) const {
  return dkim::check_signature(candidate.signature, answers_[candidate.question], candidate.digest,
                               with_body ? &bodies_ : nullptr, candidate.body, crypto_);
}

bool Check::stands(const Candidate& candidate, bool with_body, std::string_view what,
                   std::size_t set) {
  const Judgement judgement = check(candidate, with_body);
  if (judgement.verdict == dkim::Verdict::pass) return true;
  const bool temporary = judgement.verdict == dkim::Verdict::temperror;
  // One that is wrong for good makes the chain fail, whatever DNS may say later about others.
  if (outcome_.verdict != Verdict::fail) {
    end_with(temporary ? Verdict::temperror : Verdict::fail,
             concat(what, ' ', set, ": ", judgement.reason));
  }
  return false;
}

// RFC 8617 §5.2 steps 4 to 7.
void Check::conclude() {
  if (done_) return;
  const std::size_t count = seals_.size();
  stands(message_signatures_.back(), true, "message signature", count);
  for (std::size_t i = count; i-- > 0 && outcome_.verdict != Verdict::fail;) {
    stands(seals_[i], false, "seal", i + 1);
  }
  if (done_) return;
  for (std::size_t i = count - 1; i-- > 0 && outcome_.oldest_pass == 0;) {
    const Candidate& older = message_signatures_[i];
    const bool passes = older.asked && check(older, true).verdict == dkim::Verdict::pass;
    if (!passes) outcome_.oldest_pass = static_cast<std::uint32_t>(i + 2);
  }
  end_with(Verdict::pass, "");
}

}  // namespace

Verifier::Verifier(std::string_view header_block, WallTime now, const crypto::Crypto& crypto,
                   const Idn* idn)
    : Verification(std::make_unique<Check>(header_block, now, crypto, idn)) {}

}  // namespace mail::arc
