// What the model makes of what it is told: the replies of codec/smtp/verdicts.h.
#include <algorithm>

#include "base/text.h"
#include "model.h"

namespace mail::model {

using smtp::Phase;

void Model::answer(const Judged& judged, std::string_view account) {
  if (phase_ == Phase::closed) return;
  const Ask to = asked_->what;
  asked_.reset();
  if (const auto* sender = std::get_if<smtp::SenderVerdict>(&judged.verdict)) {
    take_verdict(*sender, judged.words);
  } else if (const auto* recipient = std::get_if<smtp::RecipientVerdict>(&judged.verdict)) {
    take_verdict(*recipient, judged.words);
  } else if (const auto* login = std::get_if<smtp::LoginVerdict>(&judged.verdict)) {
    take_verdict(*login, account);
  } else if (std::holds_alternative<smtp::SaslChallenge>(judged.verdict)) {
    say(334, "");
  } else if (const auto* lookup = std::get_if<smtp::LookupVerdict>(&judged.verdict)) {
    take_verdict(*lookup);
  } else if (const auto* data = std::get_if<smtp::DataVerdict>(&judged.verdict)) {
    take_verdict(*data);
  } else if (const auto* commit = std::get_if<smtp::CommitVerdict>(&judged.verdict)) {
    take_verdict(*commit);
  } else {
    take_verdict(std::get<smtp::PassedReply>(judged.verdict), to);
  }
  if (stopping_ && phase_ != Phase::closed) end(421, "4.3.2");
}

void Model::take_verdict(smtp::SenderVerdict verdict, const smtp::PolicyWords& words) {
  using enum smtp::SenderVerdict;
  if (verdict == accept) {
    phase_ = Phase::mail;
    return say(250, low_priority_ ? "2.3.6" : "2.1.0");  // RFC 6710 §4.1
  }
  forget_mail();
  switch (verdict) {
    case not_owned:
      return error(550, "5.7.1");
    case refused:
      return by_judge(550, "5.7.1", words);
    case storage_full:
      return put_off(452, "4.3.1");
    case try_later:
      if (!patient()) return;
      return by_judge(451, "4.3.0", words);
    case too_fast:
      return put_off(450, "4.7.1");
    default:
      return end(421, "4.7.0");
  }
}

void Model::take_recipient() {
  domains_.insert(wanted_domain_);
  mail_.recipients.push_back(wanted_);
  phase_ = Phase::recipients;
}

void Model::take_verdict(smtp::RecipientVerdict verdict, const smtp::PolicyWords& words) {
  using enum smtp::RecipientVerdict;
  switch (verdict) {
    case accept:
      take_recipient();
      return say(250, "2.1.5");
    case unknown_user:
      return error(550, "5.1.1");
    case relay_denied:
      return error(550, "5.7.1");
    case refused:
      return by_judge(550, "5.7.1", words);
    case mailbox_full:
      return say(452, "4.2.2");
    case try_later:
      return by_judge(451, "4.3.0", words);
    case too_many:
      return say(450, "4.7.0");
    case flooded:
      return say(450, "4.2.1");
    case harvesting:
      return error(450, "4.7.1");
    case elsewhere:
      return say(452, "4.5.3");
    case hop_unreachable:
      return say(451, "4.4.1");
    case too_large:
      return error(552, "5.3.4");
  }
}

void Model::take_verdict(smtp::LoginVerdict verdict, std::string_view account) {
  using enum smtp::LoginVerdict;
  exchange_.reset();
  phase_ = Phase::greeted;
  switch (verdict) {
    case accept:
      client_.login = account;
      return say(235, "2.7.0");
    case wrong:
      return error(535, "5.7.8");
    case busy:
      return put_off(454, "4.7.0");
    case malformed:
      return error(501, "5.5.2");
    case throttled:
      return end(421, "4.7.0");
  }
}

void Model::take_verdict(const smtp::LookupVerdict& verdict) {
  using enum smtp::LookupVerdict::Kind;
  switch (verdict.kind) {
    case found:
      return say(250, "2.1.5");
    case ambiguous:
      return say(553, "5.1.4");
    case unknown:
      return error(550, "5.1.1");
    case elsewhere:
      return expanding_ ? error(550, "5.2.4") : say(252, "2.5.0");
    case no_list:
      return error(550, "5.2.4");
  }
}

void Model::take_verdict(const smtp::DataVerdict& verdict) {
  using enum smtp::DataVerdict::Kind;
  if (verdict.kind == accept) {
    if (!chunk_) {
      phase_ = Phase::data;
      return say(354, "");
    }
    if (chunk_->left == 0 && !stopping_) end_of_chunk();
    return;
  }
  const Said reply = verdict.kind == storage_full ? Said{452, "4.3.1"} : Said{451, "4.3.0"};
  if (chunk_) return refuse_chunk(reply);
  forget_mail();
  if (verdict.kind == no_eight_bit) return error(554, "5.6.3");
  put_off(reply.code, reply.enhanced);
}

void Model::take_verdict(const smtp::CommitVerdict& verdict) {
  using enum smtp::CommitVerdict::Kind;
  forget_mail();  // whatever became of it
  switch (verdict.kind) {
    case accepted:
      errors_ = junk_ = 0;
      swallowed_ = 0;
      return say(250, "2.0.0");
    case refused:
      return by_judge(550, "5.7.1", verdict.words);
    case several_from:
      return error(550, "5.6.0");
    case bad_from:
      return error(554, "5.6.0");
    case header_too_large:
      return error(552, "5.3.4");
    case too_many_hops:
      return error(554, "5.4.6");
    case storage_full:
      return say(452, "4.3.1");
    case try_later:
      return by_judge(451, "4.3.0", verdict.words);
    case hop_unreachable:
      return say(451, "4.4.1");
    case hop_silent:
      return say(451, "4.4.2");
  }
}

// End-to-end: the next hop's words, whatever they are.
void Model::take_verdict(const smtp::PassedReply& reply, Ask to) {
  const bool taken = reply.code / 100 == 2;
  if (to == Ask::recipient) {
    if (taken) take_recipient();
  } else {
    forget_mail();
    if (taken) {
      errors_ = junk_ = 0;
      swallowed_ = 0;
    }
  }
  const std::string_view words = reply.words.front();
  const std::string_view enhanced = words.substr(0, words.find(' '));
  if (reply.code / 100 == 5) return error(reply.code, enhanced);
  say(reply.code, enhanced);
}

}  // namespace mail::model
