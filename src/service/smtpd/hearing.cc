// What the judges of a connection are told of it and asked about it.
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/message/header_block.h"
#include "service/smtpd/connection.h"

namespace mail {
namespace {

using smtp::RecipientVerdict;
using smtp::SenderVerdict;

// Hold and discard at MAIL or RCPT concern the message: its own hearing decides then.
bool refuses(const Verdict& verdict) {
  return std::holds_alternative<Reject>(verdict) || std::holds_alternative<Defer>(verdict);
}

}  // namespace

void Connection::open_trial() {
  trial_ = std::make_unique<Trial>(services_.judges, *settings_->listener, session_.client(),
                                   session_.transaction());
  if (trial_->empty()) trial_.reset();
}

void Connection::begin_trial_of_message() {
  if (std::exchange(on_trial_, true)) trial_->end_transaction();
}

Task<void> Connection::ask_judges(ReversePath path) {
  const Verdict verdict = co_await trial_->sender(path);
  if (!refuses(verdict)) {
    session_.answer(SenderVerdict::accept);
    co_return;
  }
  answer_refusal(verdict, path.to_string());
  end_trial_of_message();
}

Task<void> Connection::ask_judges(Mailbox recipient) {
  if (!co_await recipient_refused(recipient)) session_.answer(RecipientVerdict::accept);
}

// True: and the session has its answer.
Task<bool> Connection::recipient_refused(const Mailbox& recipient) {
  const Verdict verdict = co_await trial_->recipient(recipient);
  if (!refuses(verdict)) co_return false;
  answer_refusal(verdict, recipient.to_string());
  co_return true;
}

// There is no message yet: an id of its own leads from the reply to the log.
void Connection::answer_refusal(const Verdict& verdict, std::string_view whom) {
  const std::string trace = services_.store.next_id().to_string();
  const bool of_recipient = session_.phase() != smtp::Phase::greeted;
  const std::string_view catalogue =
      of_recipient ? smtp::kRecipientRefused.text : smtp::kSenderRefused.text;
  const RefusalWords said = words_of(verdict, trace, catalogue);
  log::info("message.refused", {{"id", trace},
                                {"reason", said.reason},
                                {of_recipient ? "recipient" : "from", whom},
                                {"client", keys_.client}});
  if (of_recipient) {
    session_.answer(said.permanent ? RecipientVerdict::refused : RecipientVerdict::try_later,
                    said.words);
  } else {
    session_.answer(said.permanent ? SenderVerdict::refused : SenderVerdict::try_later, said.words);
  }
}

// `first_chunk`: without the trace fields. Where its header has no end it will be refused, and
// nobody needs to hear it.
Task<void> Connection::let_hear(std::string_view first_chunk) {
  heard_ = true;
  message::HeaderScanner header(first_chunk);
  for (message::HeaderField field; header.next(&field);) {
  }
  const std::string_view block = first_chunk.substr(0, header.size());
  const bool has_empty_line = block.ends_with("\r\n\r\n") || block == "\r\n";
  co_await trial_->header(block.substr(0, block.size() - (has_empty_line ? 2 : 0)));
  if (header.size() < first_chunk.size()) {
    co_await trial_->body(first_chunk.substr(header.size()));
  }
}

// What was not staged: the first chunk where it is the only one, and the last.
Task<void> Connection::let_hear_rest(const smtp::JudgeAndCommit& input) {
  if (!heard_) co_await let_hear(std::string_view(input.content).substr(input.trace_size));
  if (!input.last_chunk.empty()) co_await trial_->body(input.last_chunk);
}

void Connection::end_trial_of_message() {
  on_trial_ = false;
  trial_->end_transaction();
}

}  // namespace mail
