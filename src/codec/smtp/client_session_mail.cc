// One transaction: MAIL, RCPT for each recipient, and what became of each.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/smtp/client_session.h"

namespace mail::smtp {

namespace {

// RFC 2920 §3.1: a client may not block on writing while the server blocks on its replies; so many
// commands and their replies lie in any socket buffer.
constexpr std::size_t kMaxGroup = 100;

}  // namespace

void ClientSession::deliver(OutgoingMail mail, MonoTime now) { start(std::move(mail), true, now); }
void ClientSession::begin(OutgoingMail mail, MonoTime now) { start(std::move(mail), false, now); }

void ClientSession::start(OutgoingMail mail, bool sealed, MonoTime now) {
  MAIL_ASSERT(stage() == Stage::ready);
  now_ = now;
  mail_ = std::move(mail);
  targets_.assign(mail_.recipients.size(), Target{});
  next_target_ = 0;
  refused_.reset();
  sealed_ = sealed;
  stepwise_ = !sealed;
  in_transaction_ = true;
  chunked_ = extensions_.chunking;
  encoder_ = DotEncoder(chunked_ ? DotEncoder::Dots::plain : DotEncoder::Dots::stuffed);
  content_ended_ = false;
  chunks_out_ = 0;
  todo_ = reset_due_ ? Todo::reset : Todo::mail;
  stage_ = Stage::mail;
  // First what is wrong with a recipient: a trace field that names it may be all that makes the
  // header need SMTPUTF8.
  for (std::size_t i = 0; i < targets_.size(); ++i) check_recipient(i);
  if (auto unfit = unfit_message(mail_, extensions_, trust_)) {
    todo_ = Todo::nothing;
    refuse_all(
        our_verdict(Verdict::Kind::rejected, Verdict::Cause::unfit, unfit->enhanced, unfit->text));
  }
  next_target_ = next_open(0);
  advance();
}

void ClientSession::add_recipient(mail::Recipient recipient, MonoTime now) {
  if (!in_transaction_) return;  // lost meanwhile, and settled
  MAIL_ASSERT(!sealed_);
  now_ = now;
  mail_.recipients.push_back(std::move(recipient));
  targets_.emplace_back();
  check_recipient(targets_.size() - 1);
  next_target_ = next_open(next_target_);
  advance();
}

void ClientSession::begin_body(MonoTime now) {
  if (!in_transaction_) return;
  now_ = now;
  sealed_ = true;
  advance();
}

void ClientSession::leave(MonoTime now) {
  if (!in_transaction_) return;
  MAIL_ASSERT(!sealed_);
  now_ = now;
  sealed_ = true;
  const Verdict verdict = our_verdict(Verdict::Kind::deferred, Verdict::Cause::abandoned, "4.3.0",
                                      "the message was withdrawn");
  settle_rest(Target::State::open, verdict);
  settle_rest(Target::State::taken, verdict);
  advance();
}

// What need not be asked because the answer is known.
void ClientSession::check_recipient(std::size_t index) {
  if (targets_[index].state != Target::State::open) return;
  if (refused_) return settle_target(index, *refused_);
  const auto unfit = unfit_recipient(mail_.recipients[index], mail_.options, extensions_);
  if (!unfit) return;
  settle_target(index, {Verdict::Kind::rejected, Verdict::Cause::unfit, Stage::recipient, 0,
                        std::string(unfit->enhanced), unfit->text});
}

// When nothing is in flight: the next commands, or the end, or it is the driver's turn.
void ClientSession::advance() {
  if (in_flight()) return;
  if (sealed_ && !any(Target::State::open) && !any(Target::State::taken)) return finish();
  const bool all_said = todo_ == Todo::recipient && next_target_ == targets_.size();
  if (!sealed_ && (todo_ == Todo::nothing || all_said)) {
    stage_ = Stage::envelope;
    deadline_ = MonoTime::max();
    return;
  }
  send_group();
}

void ClientSession::send_group() {
  const std::size_t limit = extensions_.pipelining ? kMaxGroup : 1;
  std::string out;
  for (std::size_t count = 0; count < limit && append_next(out);) ++count;
  if (body_due_) {  // it goes along with the first chunk
    held_ = std::move(out);
  } else if (!out.empty()) {
    act(client::Send{std::move(out)});
  }
}

bool ClientSession::append_next(std::string& out) {
  if (todo_ == Todo::recipient && next_target_ == targets_.size() && sealed_) {
    todo_ = Todo::content;
  }
  switch (todo_) {
    case Todo::reset:
      out += "RSET\r\n";
      expect(Stage::reset);
      todo_ = Todo::mail;
      return true;
    case Todo::mail:
      append_mail(out);
      todo_ = Todo::recipient;
      return true;
    case Todo::recipient:
      if (next_target_ == targets_.size()) return false;
      append_recipient(out);
      return true;
    case Todo::content:
      return append_content_command(out);
    case Todo::nothing:
      break;
  }
  return false;
}

// DATA goes along with the last RCPT where pipelining is offered: on_data() knows what to do when
// the server says 354 and has taken nobody. A chunk goes along when it is the whole content; if
// nobody is taken the server reads it and says so (RFC 3030 §4.2). Under LMTP it waits, for the
// number of its answers is that of the recipients taken.
bool ClientSession::append_content_command(std::string& out) {
  if (!chunked_) {
    out += "DATA\r\n";
    expect(Stage::data);
    todo_ = Todo::nothing;
    return true;
  }
  const bool along =
      extensions_.pipelining && mail_.at_hand && settings_->protocol == HopProtocol::smtp;
  if (in_flight() && !along) return false;
  todo_ = Todo::nothing;
  ask_body();
  return false;
}

void ClientSession::append_mail(std::string& out) {
  append_mail_command(out, mail_, extensions_, needs_utf8());
  expect(Stage::mail);
  reset_due_ = true;
}

// Security.md 26: what is all ASCII after all goes without the parameter. Recipients that are not
// known yet may need it.
bool ClientSession::needs_utf8() const {
  if (!mail_.options.smtputf8 || !extensions_.smtputf8) return false;
  if (!sealed_ || mail_.utf8_header || !is_ascii(mail_.reverse_path)) return true;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].state == Target::State::open && !is_ascii(mail_.recipients[i].address)) {
      return true;
    }
  }
  return false;
}

void ClientSession::append_recipient(std::string& out) {
  append_recipient_command(out, mail_.recipients[next_target_], mail_.options, extensions_);
  expect(Stage::recipient, next_target_);
  next_target_ = next_open(next_target_ + 1);
}

std::size_t ClientSession::next_open(std::size_t from) const {
  while (from < targets_.size() && targets_[from].state != Target::State::open) ++from;
  return from;
}

void ClientSession::on_reset(const ServerReply& reply) {
  if (reply.kind() != 2) {  // what the server thinks is under way now, nobody can say
    Verdict verdict = judge(Stage::reset, reply);
    verdict.kind = Verdict::Kind::deferred;
    verdict.enhanced = "4.5.0";
    return lose(std::move(verdict));
  }
  advance();
}

void ClientSession::on_mail(const ServerReply& reply) {
  if (reply.kind() != 2) {
    refuse_all(judge(Stage::mail, reply));
    reset_due_ = false;
    if (!sealed_) todo_ = Todo::nothing;
  }
  advance();
}

void ClientSession::on_recipient(std::size_t index, const ServerReply& reply) {
  Target& target = targets_[index];
  if (target.state == Target::State::open) {  // else MAIL was refused, and so is this
    Verdict verdict = judge(Stage::recipient, reply);
    // RFC 5321 §4.5.3.1.10: 552 is how old servers say "too many recipients"; later they go.
    const bool too_many = reply.code == 552 && any(Target::State::taken) &&
                          (reply.enhanced().empty() || reply.enhanced() == "5.5.3");
    if (too_many) {
      verdict.kind = Verdict::Kind::deferred;
      verdict.enhanced = "4.5.3";
    }
    settle_target(index, std::move(verdict));
    if (reply.kind() == 2) target.state = Target::State::taken;
  }
  advance();
}

void ClientSession::refuse_all(Verdict verdict) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].state == Target::State::open) settle_target(i, verdict);
  }
  next_target_ = targets_.size();
  refused_ = std::move(verdict);
}

void ClientSession::settle_target(std::size_t index, Verdict verdict) {
  if (stepwise_) act(client::RecipientAnswered{index, verdict});
  targets_[index] = {Target::State::settled, std::move(verdict)};
}

bool ClientSession::any(Target::State state) const {
  return std::ranges::any_of(targets_, [state](const Target& each) { return each.state == state; });
}

void ClientSession::settle_rest(Target::State state, const Verdict& verdict) {
  for (Target& target : targets_) {
    if (target.state == state) target = {Target::State::settled, verdict};
  }
}

void ClientSession::settle(bool maybe_delivered) {
  client::Settled settled;
  settled.maybe_delivered = maybe_delivered;
  settled.recipients.reserve(targets_.size());
  for (Target& target : targets_) settled.recipients.push_back(std::move(target.verdict));
  in_transaction_ = false;
  body_due_ = false;
  held_.clear();
  act(std::move(settled));
}

void ClientSession::finish() {
  settle(false);
  become_ready();
}

}  // namespace mail::smtp
