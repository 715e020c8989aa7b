#include "service/spool/spool.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <iterator>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/message/header_block.h"
#include "codec/message/trace.h"
#include "service/spool/expansion.h"
#include "service/spool/header_rules.h"

namespace mail {
namespace {

using Kind = smtp::CommitVerdict::Kind;

constexpr std::size_t kUsualTrace = 512;

record::Event received_event(const Draft& draft, const smtp::SmtpListener& listener,
                             const smtp::Client& client) {
  record::Event event{.message = draft.id,
                      .kind = record::EventKind::received,
                      .at = draft.received_at,
                      .recipient = {},
                      .recipients = {},
                      .facts = {}};
  event.facts.reserve(10);
  const auto fact = [&event](const char* name, std::string_view value) {
    if (!value.empty()) event.facts.push_back({name, std::string(value)});
  };
  fact("client", client.peer.address.to_string());
  fact("port", concat(client.peer.port));
  fact("helo", client.helo);
  fact("protocol", client.protocol(draft.options.smtputf8));
  if (client.tls) {
    fact("tls", client.tls->version);
    fact("cipher", client.tls->cipher);
  }
  fact("login", client.login);
  fact("listener", to_string(listener.role));
  return event;
}

// Reads the header once, checks it, and puts it right where the role wants that. `input`'s content
// is moved, never copied.
Kind take_content(Draft& draft, const smtp::SmtpListener& listener, smtp::JudgeAndCommit& input,
                  bool more_follows) {
  auto scan = message::scan_header_block(std::string_view(input.content).substr(input.trace_size));
  // A header that goes on in the next chunk is over the limit.
  if (!scan || (more_follows && !scan->complete)) return Kind::header_too_large;
  message::HeaderSummary& summary = scan->summary;
  if (const Kind kind = check_header(listener, summary); kind != Kind::accepted) return kind;
  draft.content = std::move(input.content);
  draft.header_size = static_cast<std::uint32_t>(input.trace_size + scan->size);
  draft.size = input.size;
  draft.from = std::move(summary.from);
  draft.subject = std::move(summary.subject);
  // RFC 8689 §4.1: REQUIRETLS on MAIL is stronger than the field.
  draft.options.tls_optional = summary.tls_optional && !draft.options.require_tls;
  if (listener.role == smtp::Role::submission) {
    fix_up_header(draft, input.trace_size, summary, listener.hostname);
  }
  return Kind::accepted;
}

void apply(Accept accept, Draft& draft) {
  if (!accept.added_fields.empty()) {
    draft.content.insert(0, accept.added_fields);
    draft.header_size += static_cast<std::uint32_t>(accept.added_fields.size());
    draft.size += accept.added_fields.size();
  }
  std::string tags;  // one fact, since readers of JSON keep one value of a name
  for (const std::string& tag : accept.tags) append(tags, tags.empty() ? "" : ", ", tag);
  if (!tags.empty()) draft.events.front().facts.push_back({"tags", std::move(tags)});
  if (accept.folder.empty()) return;
  for (Delivery& delivery : draft.deliveries) {
    if (auto* mailbox = std::get_if<ToMailbox>(&delivery.target)) mailbox->folder = accept.folder;
  }
}

// One delivery in place of all.
void send_all_to(Target target, Draft& draft) {
  Delivery all{.target = std::move(target),
               .recipients = {},
               .reverse_path = draft.reverse_path,
               .added_fields = {}};
  for (Delivery& delivery : draft.deliveries) {
    std::ranges::move(delivery.recipients, std::back_inserter(all.recipients));
  }
  draft.deliveries.clear();
  draft.deliveries.push_back(std::move(all));
}

std::size_t count_recipients(const Draft& draft) {
  std::size_t count = 0;
  for (const Delivery& delivery : draft.deliveries) count += delivery.recipients.size();
  return count;
}

std::string_view reason_of(Kind kind) {
  switch (kind) {
    case Kind::several_from:
      return "several From fields";
    case Kind::bad_from:
      return "no valid From field";
    case Kind::header_too_large:
      return "header over its limits";
    case Kind::too_many_hops:
      return "over 100 Received fields";
    case Kind::storage_full:
      return "storage full";
    default:
      return "";
  }
}

using Facts = std::vector<record::Fact>;

// `learnt`: what judges found out, "spf" and the like.
void log_refusal(MessageId id, std::string_view reason, const Facts& learnt = {}) {
  if (!log::enabled(log::Level::info)) return;
  std::vector<log::Field> fields{{"id", id.to_string()}, {"reason", reason}};
  for (const record::Fact& fact : learnt) fields.emplace_back(fact.name, fact.value);
  log::write(log::Level::info, "message.refused", fields);
}

// Of the `received` event, behind the first `known`.
Facts learnt_of(const Draft& draft, std::size_t known) {
  const Facts& facts = draft.events.front().facts;
  return {facts.begin() + static_cast<std::ptrdiff_t>(std::min(known, facts.size())), facts.end()};
}

Kind kind_of(const Error& error) {
  return error.code == Errc::storage_full ? Kind::storage_full : Kind::try_later;
}

}  // namespace

std::string Spool::trace_fields(MessageId id, const smtp::SmtpListener& listener,
                                const smtp::Client& client, const smtp::Transaction& transaction,
                                std::size_t room) const {
  const std::string tls =
      client.tls ? concat(client.tls->version, ' ', client.tls->cipher) : std::string();
  // RFC 5321 §7.6: several names would tell recipients of each other.
  const std::string recipient =
      transaction.recipients.size() == 1 ? transaction.recipients[0].to_string() : std::string();
  // security.md 60: where its people sit and how they log in is nobody else's to know.
  const bool masked =
      listener.role == smtp::Role::submission && listener.trace_client == smtp::TraceClient::masked;
  std::string out;
  out.reserve(kUsualTrace + room);
  message::append_received(out, {.helo = client.helo,
                                 .client = masked ? nullptr : &client.peer.address,
                                 .by = listener.hostname,
                                 .protocol = client.protocol(transaction.options.smtputf8),
                                 .tls = tls,
                                 .id = id,
                                 .priority = transaction.options.priority,
                                 .recipient = recipient,
                                 .at = clock_.wall_now()});
  return out;
}

Task<smtp::CommitVerdict> Spool::accept(
    MessageId id, std::shared_ptr<const smtp::SmtpListener> listener, const smtp::Client& client,
    const smtp::Transaction& transaction, std::shared_ptr<const Routes> routes,
    smtp::JudgeAndCommit input, std::uint32_t staged_chunks, Trial* trial) {
  const MonoTime started = clock_.mono_now();
  const bool staged = staged_chunks > 0 || !input.last_chunk.empty();
  Draft draft;
  draft.id = id;
  draft.received_at = clock_.wall_now();
  draft.reverse_path = transaction.reverse_path.to_string();
  draft.options = transaction.options;
  draft.staged_chunks = staged_chunks;
  smtp::CommitVerdict verdict{.id = id};
  Kind& kind = verdict.kind;
  Facts learnt;
  kind = store_.storage_low() ? Kind::storage_full : take_content(draft, *listener, input, staged);
  if (kind != Kind::accepted) {
    log_refusal(id, reason_of(kind));
  } else {
    draft.events.push_back(received_event(draft, *listener, client));
    const std::shared_ptr<const Directory> directory = control_.snapshot();
    Expansion expansion(*directory, *routes, &notices_, draft);
    for (const smtp::TakenRecipient& recipient : transaction.recipients) {
      expansion.add(recipient, recipient.to_recipient(), client.login);
    }
    if (trial != nullptr) verdict = co_await judge(*trial, draft, &learnt);
  }
  const std::size_t recipients = count_recipients(draft);
  const std::uint64_t size = draft.size;
  if (kind == Kind::accepted && !input.last_chunk.empty()) {
    kind = co_await stage_last(draft, std::move(input.last_chunk));
  }
  if (kind == Kind::accepted) kind = co_await commit(draft);
  if (kind != Kind::accepted && staged) co_await store_.drop_staged(id);
  if (kind == Kind::accepted && log::enabled(log::Level::info)) {
    boost::container::small_vector<log::Field, 12> fields;
    fields.emplace_back("id", id.text());
    fields.emplace_back("from", transaction.reverse_path.to_string());
    fields.emplace_back("recipients", recipients);
    fields.emplace_back("size", size);
    fields.emplace_back("client", client.peer.address.to_string());
    fields.emplace_back("protocol", client.protocol(transaction.options.smtputf8));
    fields.emplace_back("ms", (clock_.mono_now() - started) / Milliseconds(1));
    for (const record::Fact& fact : learnt) fields.emplace_back(fact.name, fact.value);
    log::write(log::Level::info, "message.accepted", {fields.data(), fields.size()});
  }
  co_return verdict;
}

Task<smtp::CommitVerdict> Spool::prepare(Draft& draft, const smtp::SmtpListener& listener,
                                         const smtp::Client& client,
                                         const smtp::Transaction& transaction,
                                         smtp::JudgeAndCommit input, Trial* trial) {
  draft.received_at = clock_.wall_now();
  draft.reverse_path = transaction.reverse_path.to_string();
  draft.options = transaction.options;
  const bool staged = draft.staged_chunks > 0 || !input.last_chunk.empty();
  smtp::CommitVerdict verdict{.kind = take_content(draft, listener, input, staged), .id = draft.id};
  Kind& kind = verdict.kind;
  if (kind != Kind::accepted) {
    log_refusal(draft.id, reason_of(kind));
    co_return verdict;
  }
  draft.events.push_back(received_event(draft, listener, client));
  Delivery delivery{.target = Relayed{},
                    .recipients = {},
                    .reverse_path = draft.reverse_path,
                    .added_fields = {}};
  for (const smtp::TakenRecipient& taken : transaction.recipients) {
    Recipient recipient = taken.to_recipient();
    // Given twice it is counted once, as everywhere.
    const auto given = std::ranges::find(draft.recipients, recipient.address, &Recipient::address);
    if (given != draft.recipients.end()) continue;
    draft.events.front().recipients.push_back(recipient.address);
    delivery.recipients.push_back(recipient);
    draft.recipients.push_back(std::move(recipient));
  }
  draft.deliveries.push_back(std::move(delivery));
  Facts learnt;
  if (trial != nullptr) verdict = co_await judge(*trial, draft, &learnt);
  if (kind == Kind::accepted && !input.last_chunk.empty()) {
    kind = co_await stage_last(draft, std::move(input.last_chunk));
  }
  co_return verdict;
}

Task<smtp::CommitVerdict> Spool::judge(Trial& trial, Draft& draft,
                                       std::vector<record::Fact>* learnt) {
  const std::size_t known = draft.events.front().facts.size();
  Verdict verdict = co_await trial.message(draft);
  if (std::holds_alternative<Reject>(verdict) || std::holds_alternative<Defer>(verdict)) {
    RefusalWords said = words_of(verdict, draft.id.to_string(), smtp::kMessageRefused.text);
    log_refusal(draft.id, said.reason, learnt_of(draft, known));
    co_return smtp::CommitVerdict{.kind = said.permanent ? Kind::refused : Kind::try_later,
                                  .id = draft.id,
                                  .words = std::move(said.words)};
  }
  if (auto* hold = std::get_if<Hold>(&verdict)) {
    send_all_to(Held{std::move(hold->reason)}, draft);
  } else if (auto* discard = std::get_if<Discard>(&verdict)) {
    send_all_to(Discarded{std::move(discard->reason)}, draft);
  } else {
    apply(std::get<Accept>(std::move(verdict)), draft);
  }
  *learnt = learnt_of(draft, known);
  co_return smtp::CommitVerdict{.kind = Kind::accepted, .id = draft.id};
}

Task<Kind> Spool::stage_last(Draft& draft, std::string chunk) {
  const Result<void> staged =
      co_await store_.stage(draft.id, draft.staged_chunks + 1, std::move(chunk));
  if (!staged) {
    log::error("message.stage_failed",
               {{"id", draft.id.to_string()}, {"error", describe(staged.error())}});
    co_return kind_of(staged.error());
  }
  ++draft.staged_chunks;
  co_return Kind::accepted;
}

Task<Kind> Spool::commit(Draft& draft) {
  draft.events.front().facts.push_back({"size", concat(draft.size)});
  const MessageId id = draft.id;
  const bool due = !draft.notices.empty();
  const Result<void> committed = co_await store_.commit(std::span(&draft, 1));
  if (!committed) {
    log::error("message.commit_failed",
               {{"id", id.to_string()}, {"error", describe(committed.error())}});
    co_return kind_of(committed.error());
  }
  if (std::optional<Enqueued> mail = enqueued_by(draft)) outgoing_.enqueued(std::move(*mail));
  if (due) notices_.due({id});
  co_return Kind::accepted;
}

}  // namespace mail
