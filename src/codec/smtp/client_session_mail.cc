// One transaction: MAIL, RCPT for each recipient, DATA, content, and what became of each recipient.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/address/address.h"
#include "codec/smtp/client_session.h"

namespace mail::smtp {

namespace {

// RFC 2920 §3.1: a client may not block on writing while the server blocks on its replies; so many
// commands and their replies lie in any socket buffer.
constexpr std::size_t kMaxGroup = 100;

// Security.md 25: what is written was validated here, whatever others have done to it.
bool is_address(std::string_view text) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
  return printable && Mailbox::parse(text);
}

}  // namespace

void ClientSession::deliver(OutgoingMail mail, MonoTime now) {
  MAIL_ASSERT(stage() == Stage::ready);
  now_ = now;
  mail_ = std::move(mail);
  recipients_.assign(mail_.recipients.size(), Recipient{});
  next_recipient_ = 0;
  encoder_ = {};
  in_transaction_ = true;
  todo_ = reset_due_ ? Stage::reset : Stage::mail;
  stage_ = Stage::mail;
  check_fitness();
  next_recipient_ = next_open(0);
  advance();
}

// What need not be asked because the answer is known.
void ClientSession::check_fitness() {
  const auto unfit = [this](Stage stage, std::string_view enhanced, std::string_view text) {
    stage_ = stage;
    return our_verdict(Verdict::Kind::rejected, Verdict::Cause::unfit, enhanced, text);
  };
  const auto refuse_all = [&](std::string_view enhanced, std::string_view text) {
    settle_rest(Recipient::State::open, unfit(Stage::mail, enhanced, text));
  };
  if (!mail_.reverse_path.empty() && !is_address(mail_.reverse_path)) {
    return refuse_all("5.1.7", "the sender's address can not be written in SMTP");
  }
  // RFC 6152 §3: content is not converted, it goes back.
  if (mail_.body == BodyType::eight_bit_mime && !extensions_.eight_bit_mime) {
    return refuse_all("5.6.3", "the message has 8-bit content and the server does not take any");
  }
  // RFC 1870 §6.1
  if (extensions_.max_size && mail_.size > *extensions_.max_size) {
    return refuse_all("5.3.4", concat("the message has ", mail_.size,
                                      " octets and the server takes ", *extensions_.max_size));
  }
  for (std::size_t i = 0; i < recipients_.size(); ++i) {
    const std::string& address = mail_.recipients[i];
    // RFC 5321 §4.1.1.3: postmaster needs no domain.
    if (is_address(address) || iequals(address, "postmaster")) continue;
    recipients_[i].state = Recipient::State::settled;
    recipients_[i].verdict =
        unfit(Stage::recipient, "5.1.3", "the address can not be written in SMTP");
  }
}

// Nothing is in flight: the next commands, or the end.
void ClientSession::advance() {
  if (!any(Recipient::State::open) && !any(Recipient::State::taken)) return finish();
  send_group();
}

void ClientSession::send_group() {
  const std::size_t limit = extensions_.pipelining ? kMaxGroup : 1;
  std::string out;
  for (std::size_t count = 0; count < limit && append_next(out);) ++count;
  act(client::Send{std::move(out)});
}

// DATA goes along with the last RCPT where pipelining is offered: on_data() knows what to do when
// the server says 354 and has taken nobody.
bool ClientSession::append_next(std::string& out) {
  switch (todo_) {
    case Stage::reset:
      out += "RSET\r\n";
      expect(Stage::reset);
      todo_ = Stage::mail;
      return true;
    case Stage::mail:
      append_mail(out);
      todo_ = Stage::recipient;
      return true;
    case Stage::recipient:
      append_recipient(out);
      return true;
    case Stage::data:
      out += "DATA\r\n";
      expect(Stage::data);
      todo_ = Stage::body;
      return true;
    default:
      return false;
  }
}

void ClientSession::append_mail(std::string& out) {
  append(out, "MAIL FROM:<", mail_.reverse_path, '>');
  if (extensions_.size && mail_.size > 0) append(out, " SIZE=", mail_.size);
  if (mail_.body == BodyType::eight_bit_mime) out += " BODY=8BITMIME";
  out += "\r\n";
  expect(Stage::mail);
  reset_due_ = true;
}

void ClientSession::append_recipient(std::string& out) {
  append(out, "RCPT TO:<", mail_.recipients[next_recipient_], ">\r\n");
  expect(Stage::recipient, next_recipient_);
  next_recipient_ = next_open(next_recipient_ + 1);
  if (next_recipient_ == recipients_.size()) todo_ = Stage::data;
}

std::size_t ClientSession::next_open(std::size_t from) const {
  while (from < recipients_.size() && recipients_[from].state != Recipient::State::open) ++from;
  return from;
}

void ClientSession::on_reset(const ServerReply& reply) {
  if (reply.kind() != 2) {  // what the server thinks is under way now, nobody can say
    Verdict verdict = judge(Stage::reset, reply);
    verdict.kind = Verdict::Kind::deferred;
    verdict.enhanced = "4.5.0";
    return lose(std::move(verdict));
  }
  if (!in_flight()) advance();
}

void ClientSession::on_mail(const ServerReply& reply) {
  if (reply.kind() != 2) {
    settle_rest(Recipient::State::open, judge(Stage::mail, reply));
    reset_due_ = false;
  }
  if (!in_flight()) advance();
}

void ClientSession::on_recipient(std::size_t index, const ServerReply& reply) {
  Recipient& recipient = recipients_[index];
  if (recipient.state == Recipient::State::open) {  // else MAIL was refused, and so is this
    const bool taken = reply.kind() == 2;
    recipient.verdict = judge(Stage::recipient, reply);
    // RFC 5321 §4.5.3.1.10: 552 is how old servers say "too many recipients"; later they go.
    const bool too_many = reply.code == 552 && any(Recipient::State::taken) &&
                          (reply.enhanced().empty() || reply.enhanced() == "5.5.3");
    if (too_many) {
      recipient.verdict.kind = Verdict::Kind::deferred;
      recipient.verdict.enhanced = "4.5.3";
    }
    recipient.state = taken ? Recipient::State::taken : Recipient::State::settled;
  }
  if (!in_flight()) advance();
}

void ClientSession::on_data(const ServerReply& reply) {
  if (reply.kind() != 3) {
    settle_rest(Recipient::State::taken, judge(Stage::data, reply));
    return advance();
  }
  if (any(Recipient::State::taken)) {
    wait_for(Stage::body, settings_->timeouts.block);
    return act(client::AskBody{});
  }
  // RFC 2920 §3.1: content is asked for and goes to nobody; it is a lone dot. An LMTP server would
  // have no one to answer for.
  if (settings_->protocol == HopProtocol::lmtp) return on_unexpected(reply);
  act(client::Send{".\r\n"});
  expect(Stage::final_dot);
}

void ClientSession::body(std::string_view content, bool last, MonoTime now) {
  if (stage() != Stage::body) return;  // lost meanwhile, and settled
  now_ = now;
  client::Send send;
  send.bytes.reserve(content.size() + content.size() / 32 + 8);
  encoder_.feed(content, &send.bytes);
  if (last) encoder_.finish(&send.bytes);
  if (!send.bytes.empty()) act(std::move(send));
  if (!last) {
    wait_for(Stage::body, settings_->timeouts.block);
    return act(client::AskBody{});
  }
  if (settings_->protocol == HopProtocol::smtp) return expect(Stage::final_dot);
  for (std::size_t i = 0; i < recipients_.size(); ++i) {  // RFC 2033 §4.2
    if (recipients_[i].state == Recipient::State::taken) expect(Stage::final_dot, i);
  }
}

void ClientSession::abandon_body() {
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::abandoned, "4.3.0",
                   "the content could not be read"));
}

void ClientSession::on_final_dot(std::size_t index, const ServerReply& reply) {
  if (settings_->protocol == HopProtocol::smtp) {
    settle_rest(Recipient::State::taken, judge(Stage::final_dot, reply));
  } else {
    recipients_[index] = {Recipient::State::settled, judge(Stage::final_dot, reply)};
  }
  if (in_flight()) return;
  reset_due_ = false;  // RFC 5321 §4.1.1.4: whatever the answer, the transaction is over
  finish();
}

bool ClientSession::any(Recipient::State state) const {
  return std::ranges::any_of(recipients_,
                             [state](const Recipient& each) { return each.state == state; });
}

void ClientSession::settle_rest(Recipient::State state, const Verdict& verdict) {
  for (Recipient& recipient : recipients_) {
    if (recipient.state == state) recipient = {Recipient::State::settled, verdict};
  }
}

void ClientSession::settle() {
  client::Settled settled;
  settled.recipients.reserve(recipients_.size());
  for (Recipient& recipient : recipients_)
    settled.recipients.push_back(std::move(recipient.verdict));
  in_transaction_ = false;
  act(std::move(settled));
}

void ClientSession::finish() {
  settle();
  become_ready();
}

}  // namespace mail::smtp
