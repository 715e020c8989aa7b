#include "service/neighbours/milter_judge.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/message/header_block.h"
#include "codec/milter/session.h"
#include "service/policy/header_change.h"

namespace mail {
namespace {

constexpr std::size_t kMostHeldBack = smtp::kStageChunk;  // of a body: what a session keeps, too

Verdict refusal(const std::string& name, const milter::Refuse& refuse) {
  std::string reason = concat(name, " refused it");
  if (!refuse.text.empty()) append(reason, ": ", refuse.text);
  if (refuse.for_good) {
    return Reject{std::move(reason), refuse.text, refuse.status.empty() ? "5.7.1" : refuse.status};
  }
  return Defer{std::move(reason), refuse.text, refuse.status.empty() ? "4.7.1" : refuse.status};
}

HeaderChange change_of(milter::HeaderEdit edit) {
  using Kind = HeaderChange::Kind;
  Kind kind = Kind::append;
  if (edit.kind == milter::HeaderEdit::Kind::insert) kind = Kind::insert;
  if (edit.kind == milter::HeaderEdit::Kind::change) {
    kind = edit.value.empty() ? Kind::remove : Kind::replace;
  }
  return {kind, edit.index, std::move(edit.name), std::move(edit.value)};
}

// Without the Received field that we have put there: filters hear a message as it came to us, while
// what they insert counts that field (as with Sendmail and Postfix).
std::string header_without_ours(const Draft& draft) {
  std::string out;
  const std::string id = draft.id.to_string();
  bool found = false;
  message::HeaderScanner scanner(std::string_view(draft.content).substr(0, draft.header_size));
  message::HeaderField field;
  while (scanner.next(&field)) {
    const bool ours = !found && iequals(trim(field.name), "Received") && field.value.contains(id);
    found |= ours;
    if (!ours) out.append(field.whole);
  }
  return out;
}

class MilterHearing final : public Hearing {
 public:
  MilterHearing(Neighbour& neighbour, const std::string& version, const Case& of)
      : neighbour_(neighbour), version_(version), case_(of) {}
  ~MilterHearing() override {
    if (line_ == nullptr || session_.waits()) return;
    session_.quit();
    line_->send_now(session_.take_output());
  }

  Task<Verdict> sender(const ReversePath& path) override;
  Task<Verdict> recipient(const Mailbox& recipient) override;
  Task<void> header(std::string_view block) override;
  Task<void> body(std::string_view piece) override;
  Task<Verdict> message(Draft& draft) override;
  void end_transaction() override;

 private:
  using Done = Result<void>;

  Task<Done> tell_sender(const ReversePath& path);
  Task<Done> tell_client(MonoTime deadline);
  Task<Done> tell_recipient(std::string path, MonoTime deadline);
  Task<Done> tell_header(std::string_view block, MonoTime deadline);
  Task<Done> tell_body(std::string_view bytes, MonoTime deadline);
  Task<Done> stream(std::string_view piece);
  Task<Done> tell_end(const Draft& draft);
  Task<Done> exchange(MonoTime deadline);
  Verdict conclude(Draft& draft);

  // No use in going on, with it or at all.
  bool over() const { return failed_ || last_word_.has_value() || line_ == nullptr; }
  void note_last_word();
  void lose(Error error) {
    failed_ = true;
    failure_ = std::move(error);
    line_.reset();
  }

  Neighbour& neighbour_;
  const std::string& version_;
  const Case case_;
  std::unique_ptr<Neighbour::Line> line_;  // with session_, from the first MAIL on
  milter::Session session_;
  std::string helo_;  // as it was told

  // Of the transaction:
  bool failed_ = false;
  Error failure_;
  std::optional<Verdict> last_word_;  // said before the end of the message
  std::unordered_set<std::string> told_;
  std::string seen_;       // the header block, as it was or will be told
  std::string held_back_;  // the body so far
  bool streaming_ = false;
};

Task<MilterHearing::Done> MilterHearing::exchange(MonoTime deadline) {
  std::string out = session_.take_output();
  if (!out.empty()) MAIL_CO_TRY(co_await line_->send(std::move(out), deadline));
  while (session_.waits()) {
    MAIL_CO_TRY(const std::string_view bytes, co_await line_->receive(deadline));
    MAIL_CO_TRY(session_.consume(bytes));
  }
  co_return Done{};
}

Task<MilterHearing::Done> MilterHearing::tell_client(MonoTime deadline) {
  const smtp::Client& client = case_.client;
  if (line_ == nullptr) {
    MAIL_CO_TRY(line_, co_await neighbour_.open(deadline));
    session_ = milter::Session();
    helo_.clear();
    session_.negotiate();
    MAIL_CO_TRY(co_await exchange(deadline));
    const std::string address = client.peer.address.to_string();
    const std::string port = concat(client.peer.port);
    const auto macros =
        std::to_array<milter::Macro>({{"j", case_.listener.hostname},
                                      {"v", version_},
                                      {"{daemon_name}", smtp::to_string(case_.listener.role)},
                                      {"{daemon_addr}", case_.listener.address},
                                      {"{client_addr}", address},
                                      {"{client_port}", port},
                                      {"{client_name}", "unknown"}});
    session_.connect(client.peer.address, client.peer.port, macros);
    MAIL_CO_TRY(co_await exchange(deadline));
  }
  if (helo_ == client.helo) co_return Done{};
  helo_ = client.helo;
  const smtp::TlsFacts tls = client.tls.value_or(smtp::TlsFacts{});
  const auto macros =
      std::to_array<milter::Macro>({{"{tls_version}", tls.version}, {"{cipher}", tls.cipher}});
  session_.helo(helo_, macros);
  co_return co_await exchange(deadline);
}

Task<MilterHearing::Done> MilterHearing::tell_sender(const ReversePath& path) {
  const MonoTime deadline = neighbour_.deadline();
  MAIL_CO_TRY(co_await tell_client(deadline));
  const std::string address = path.to_string();
  const std::string& login = case_.client.login;
  const auto macros = std::to_array<milter::Macro>({{"{mail_addr}", address},
                                                    {"{mail_mailer}", "smtp"},
                                                    {"{auth_type}", login.empty() ? "" : "SASL"},
                                                    {"{auth_authen}", login}});
  session_.mail(concat('<', address, '>'), macros);
  co_return co_await exchange(deadline);
}

Task<Verdict> MilterHearing::sender(const ReversePath& path) {
  if (auto told = co_await tell_sender(path); !told) {
    lose(std::move(told).error());
    Verdict verdict = neighbour_.away(failure_);
    // The message is tagged when there is one.
    if (std::holds_alternative<Accept>(verdict)) co_return Accept{};
    co_return verdict;
  }
  if (const auto* refuse = std::get_if<milter::Refuse>(&session_.decision())) {
    co_return refusal(neighbour_.settings().name, *refuse);
  }
  note_last_word();
  co_return Accept{};
}

Task<MilterHearing::Done> MilterHearing::tell_recipient(std::string path, MonoTime deadline) {
  const auto macros =
      std::to_array<milter::Macro>({{"{rcpt_addr}", path}, {"{rcpt_mailer}", "smtp"}});
  session_.rcpt(concat('<', path, '>'), macros);
  told_.insert(std::move(path));
  co_return co_await exchange(deadline);
}

Task<Verdict> MilterHearing::recipient(const Mailbox& recipient) {
  if (over()) co_return Accept{};
  auto told = co_await tell_recipient(recipient.to_string(), neighbour_.deadline());
  if (!told) {
    lose(std::move(told).error());
    co_return Accept{};  // decided when there is a message
  }
  if (const auto* refuse = std::get_if<milter::Refuse>(&session_.decision())) {
    co_return refusal(neighbour_.settings().name, *refuse);
  }
  note_last_word();
  co_return Accept{};
}

void MilterHearing::note_last_word() {
  const std::string& name = neighbour_.settings().name;
  if (std::holds_alternative<milter::Drop>(session_.decision())) {
    last_word_ = Discard{concat(name, " discarded it")};
  } else if (const auto* refuse = std::get_if<milter::Refuse>(&session_.decision())) {
    last_word_ = refusal(name, *refuse);
  }
}

Task<MilterHearing::Done> MilterHearing::tell_header(std::string_view block, MonoTime deadline) {
  // Those that no judge is asked about (postmaster): a filter must not miss them, nor refuse them.
  for (const smtp::TakenRecipient& recipient : case_.transaction.recipients) {
    std::string path = recipient.to_string();
    if (!told_.contains(path)) MAIL_CO_TRY(co_await tell_recipient(std::move(path), deadline));
  }
  session_.data({});
  MAIL_CO_TRY(co_await exchange(deadline));
  note_last_word();
  message::HeaderScanner scanner(block);
  message::HeaderField field;
  while (!last_word_ && session_.wants_headers() && scanner.next(&field)) {
    std::string_view value = field.whole.substr(field.whole.find(':') + 1);
    if (value.ends_with("\r\n")) value.remove_suffix(2);
    session_.header(trim(field.name), value);
    if (!session_.waits()) continue;  // all in one go
    MAIL_CO_TRY(co_await exchange(deadline));
    note_last_word();
  }
  if (last_word_) co_return Done{};
  session_.end_of_header({});
  MAIL_CO_TRY(co_await exchange(deadline));
  note_last_word();
  co_return Done{};
}

Task<void> MilterHearing::header(std::string_view block) {
  if (!over()) seen_ = block;
  co_return;
}

Task<MilterHearing::Done> MilterHearing::tell_body(std::string_view bytes, MonoTime deadline) {
  while (!bytes.empty() && !last_word_ && session_.wants_body()) {
    const std::string_view piece = bytes.substr(0, milter::kMaxBodyPiece);
    bytes.remove_prefix(piece.size());
    session_.body(piece);
    MAIL_CO_TRY(co_await exchange(deadline));
    note_last_word();
  }
  co_return Done{};
}

Task<MilterHearing::Done> MilterHearing::stream(std::string_view piece) {
  const MonoTime deadline = neighbour_.deadline();
  if (!std::exchange(streaming_, true)) {
    MAIL_CO_TRY(co_await tell_header(seen_, deadline));
    MAIL_CO_TRY(co_await tell_body(std::exchange(held_back_, {}), deadline));
  }
  co_return co_await tell_body(piece, deadline);
}

// What is small is told at its end, when earlier judges have changed the header: opendmarc reads
// what opendkim has written into it. What is large is told while it comes, as it came.
Task<void> MilterHearing::body(std::string_view piece) {
  if (over() || !session_.wants_body()) co_return;
  if (!streaming_ && held_back_.size() + piece.size() <= kMostHeldBack) {
    held_back_.append(piece);
    co_return;
  }
  if (auto told = co_await stream(piece); !told) lose(std::move(told).error());
}

Task<MilterHearing::Done> MilterHearing::tell_end(const Draft& draft) {
  const MonoTime deadline = neighbour_.deadline();
  if (!streaming_) {
    seen_ = header_without_ours(draft);
    MAIL_CO_TRY(co_await tell_header(seen_, deadline));
    MAIL_CO_TRY(co_await tell_body(held_back_, deadline));
  }
  if (last_word_) co_return Done{};
  const std::string id = draft.id.to_string();
  const auto macros = std::to_array<milter::Macro>({{"i", id}});
  session_.end_of_message(macros);
  MAIL_CO_TRY(co_await exchange(deadline));
  note_last_word();
  co_return Done{};
}

Task<Verdict> MilterHearing::message(Draft& draft) {
  if (!over()) {
    if (auto told = co_await tell_end(draft); !told) lose(std::move(told).error());
  }
  if (failed_) co_return neighbour_.away(failure_);
  if (last_word_) co_return std::move(*last_word_);
  co_return conclude(draft);
}

Verdict MilterHearing::conclude(Draft& draft) {
  milter::Wishes wishes = session_.take_wishes();
  std::vector<HeaderChange> changes;
  for (milter::HeaderEdit& edit : wishes.edits) changes.push_back(change_of(std::move(edit)));
  if (const auto changed = change_header(draft, seen_, changes); !changed) {
    return neighbour_.away(changed.error());
  }
  if (!wishes.quarantine) return Accept{};
  const std::string& why = *wishes.quarantine;
  return Hold{concat(neighbour_.settings().name, ": ", why.empty() ? "quarantine" : why)};
}

void MilterHearing::end_transaction() {
  session_.abort();
  failed_ = false;
  last_word_.reset();
  told_.clear();
  std::string().swap(seen_);
  std::string().swap(held_back_);
  streaming_ = false;
}

}  // namespace

std::unique_ptr<Hearing> MilterJudge::open(const Case& of) {
  if (!neighbour_.hears(of.listener)) return nullptr;
  return std::make_unique<MilterHearing>(neighbour_, version_, of);
}

}  // namespace mail
