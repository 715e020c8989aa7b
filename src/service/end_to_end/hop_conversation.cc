#include "service/end_to_end/hop_conversation.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace mail {
namespace {

using smtp::CommitVerdict;
using smtp::RecipientVerdict;
using smtp::Verdict;

bool leads_to_a_hop(const Route& route) {
  return route.kind == Route::Kind::mx || route.kind == Route::Kind::smtp ||
         route.kind == Route::Kind::lmtp;
}

// RFC 5321 §3.8: a server may close an idle connection; a new one is no second try.
bool was_gone_before(const Verdict& verdict, const HopConnection& connection) {
  const bool lost = verdict.cause != Verdict::Cause::reply || verdict.code == 421;
  return lost && verdict.stage == smtp::Stage::mail && connection.facts().reused &&
         !connection.ready();
}

HopConversation::RecipientAnswer answer_of(const Verdict& verdict) {
  if (verdict.cause == Verdict::Cause::reply) return smtp::pass_on(verdict);
  if (verdict.cause != Verdict::Cause::unfit) return RecipientVerdict::hop_unreachable;
  // RFC 1870 §6.1; what else can not be written to this hop it would refuse.
  return verdict.enhanced == "5.3.4" ? RecipientVerdict::too_large : RecipientVerdict::refused;
}

void add_fact(std::vector<record::Fact>& facts, std::string_view name, std::string_view value) {
  if (!value.empty()) facts.push_back({std::string(name), std::string(value)});
}

// As the queue words them.
std::vector<record::Fact> facts_of(const Verdict& verdict, const ConnectionFacts& connection,
                                   Milliseconds took) {
  std::vector<record::Fact> facts;
  add_fact(facts, "host", connection.host);
  add_fact(facts, "address", connection.address);
  add_fact(facts, "source", connection.source);
  add_fact(facts, "tls", connection.tls);
  add_fact(facts, "cipher", connection.cipher);
  if (connection.verified) add_fact(facts, "verified", "yes");
  if (connection.reused) add_fact(facts, "reused", "yes");
  const auto add_time = [&](std::string_view name, Milliseconds time) {
    if (time.count() > 0) add_fact(facts, name, concat(time.count()));
  };
  add_time("connect_ms", connection.connect);
  add_time("tls_ms", connection.handshake);
  add_time("took_ms", took);
  add_fact(facts, "status", verdict.enhanced);
  add_fact(facts, "reply", verdict.text);
  return facts;
}

Parcel parcel_of(const Draft& draft, std::vector<Recipient> given) {
  Parcel parcel;
  parcel.key.message = draft.id;
  parcel.options = draft.options;
  parcel.reverse_path = draft.reverse_path;
  parcel.recipients = std::move(given);
  parcel.staged_chunks = draft.staged_chunks;
  if (draft.staged_chunks == 0) {
    parcel.content = std::make_shared<const std::string>(draft.content);
    parcel.size = draft.content.size();
  } else {
    parcel.added_fields = draft.content;  // the first chunk is in memory, the others are not
    parcel.size = draft.size - draft.content.size();
  }
  return parcel;
}

}  // namespace

void HopConversation::begin_transaction() { stale_ = mail_open_; }

void HopConversation::cut() {
  cut_ = true;
  if (opener_ != nullptr) opener_->cut();
  if (connection_ != nullptr) connection_->cut();
}

bool HopConversation::leads_there(const Route& route, const Domain& domain) const {
  if (connection_ == nullptr || !same_way(route, *route_)) return false;
  return route.kind != Route::Kind::mx || (domain_ && domain_->text() == domain.text());
}

Task<void> HopConversation::leave_mail() {
  if (std::exchange(mail_open_, false)) co_await connection_->leave();
  stale_ = false;
}

Task<void> HopConversation::hang_up() {
  if (connection_ == nullptr) co_return;
  co_await leave_mail();
  co_await connection_->quit();
  connection_.reset();
}

Task<void> HopConversation::end() { co_await hang_up(); }

Task<std::optional<HopConversation::RecipientAnswer>> HopConversation::connect(
    std::shared_ptr<const Route> route, Domain domain) {
  const std::string name = domain.text();
  NextHops::Found found = co_await hops_.find(route, domain);
  if (found.destination == nullptr) {
    log::info("relay.no_hop", {{"domain", name}, {"reason", found.why}});
    if (found.refusal) co_return *std::move(found.refusal);
    co_return RecipientVerdict::hop_unreachable;
  }
  opener_ = hops_.opener(thread_);
  if (cut_) opener_->cut();
  const std::optional<Obstacle> obstacle = co_await opener_->open(found.destination, false);
  if (obstacle) {
    log::info(
        "relay.hop_unreachable",
        {{"domain", name}, {"host", obstacle->facts.host}, {"reason", obstacle->verdict.text}});
    co_return RecipientVerdict::hop_unreachable;
  }
  connection_ = opener_->take();
  route_ = std::move(route);
  domain_ = std::move(domain);
  co_return std::nullopt;
}

void HopConversation::begin_mail(const smtp::Transaction& transaction) {
  MailOptions options;  // whatever else could be asked for is not offered in this mode
  options.body = transaction.options.body;
  // Said at DATA (security.md §3): until then the hop is asked about recipients without it.
  eight_bit_refused_ =
      options.body == BodyType::eight_bit_mime && !connection_->extensions().eight_bit_mime;
  if (eight_bit_refused_) options.body = BodyType::seven_bit;
  connection_->begin_mail(transaction.reverse_path.to_string(), std::move(options),
                          transaction.declared_size.value_or(0));
  mail_open_ = true;
  stale_ = false;
  given_.clear();
  first_taken_.reset();
}

Task<HopConversation::RecipientAnswer> HopConversation::recipient(
    const smtp::Transaction& transaction, Mailbox recipient) {
  const std::shared_ptr<const Route> route =
      routes_->find(recipient.domain.text(), transaction.reverse_path.mailbox
                                                 ? transaction.reverse_path.mailbox->domain.text()
                                                 : std::string_view());
  if (!leads_to_a_hop(*route)) co_return RecipientVerdict::elsewhere;
  if (stale_) co_await leave_mail();
  if (connection_ != nullptr && !mail_open_ && !connection_->ready()) connection_.reset();
  if (!mail_open_ && connection_ != nullptr &&
      (connection_->used_up() || connection_->sent() >= hops_.messages_per_connection())) {
    co_await hang_up();
  }
  if (!leads_there(*route, recipient.domain)) {
    // Those taken already go with the connection there is.
    if (!transaction.recipients.empty()) co_return RecipientVerdict::elsewhere;
    co_await hang_up();
  } else if (route->kind == Route::Kind::lmtp && !transaction.recipients.empty()) {
    co_return RecipientVerdict::elsewhere;  // RFC 2033 §4.2: it would have several last words
  }
  for (;;) {
    if (connection_ == nullptr) {
      if (auto refused = co_await connect(route, recipient.domain)) co_return *std::move(refused);
    }
    if (!mail_open_) begin_mail(transaction);
    given_.emplace_back(recipient.to_string());
    const Verdict verdict = co_await connection_->add_recipient(given_.back());
    if (was_gone_before(verdict, *connection_) && given_.size() == 1) {
      mail_open_ = false;
      connection_.reset();
      continue;
    }
    if (verdict.kind == Verdict::Kind::accepted && !first_taken_) first_taken_ = given_.size() - 1;
    co_return answer_of(verdict);
  }
}

Task<HopConversation::Outcome> HopConversation::send(const Draft& draft) {
  if (connection_ == nullptr || !mail_open_ || !first_taken_) {
    co_return Outcome{CommitVerdict::Kind::hop_unreachable, {}};
  }
  mail_open_ = false;
  const Parcel parcel = parcel_of(draft, given_);
  const HopConnection::Sent sent = co_await connection_->send_content(parcel);
  MAIL_ASSERT(sent.recipients.size() > *first_taken_);
  // RFC 5321 §3.3: one answer for all that were taken.
  co_return outcome_of(sent.recipients[*first_taken_], sent, draft.id);
}

HopConversation::Outcome HopConversation::outcome_of(const Verdict& verdict,
                                                     const HopConnection::Sent& sent,
                                                     MessageId message) const {
  const ConnectionFacts& facts = connection_->facts();
  if (sent.maybe_delivered) {
    log::warning("relay.possible_duplicate", {{"id", message.to_string()},
                                              {"host", facts.host},
                                              {"address", facts.address},
                                              {"why", "no answer to the end of the message"}});
  }
  if (verdict.cause == Verdict::Cause::reply) {
    Outcome outcome{smtp::pass_on(verdict), {}};
    if (outcome.taken()) outcome.facts = facts_of(verdict, facts, sent.took);
    return outcome;
  }
  log::info("relay.failed", {{"id", message.to_string()},
                             {"host", facts.host},
                             {"stage", to_string(verdict.stage)},
                             {"reason", verdict.text}});
  if (verdict.cause == Verdict::Cause::abandoned) return {CommitVerdict::Kind::try_later, {}};
  const bool silent = verdict.cause == Verdict::Cause::silence || sent.maybe_delivered;
  return {silent ? CommitVerdict::Kind::hop_silent : CommitVerdict::Kind::hop_unreachable, {}};
}

}  // namespace mail
