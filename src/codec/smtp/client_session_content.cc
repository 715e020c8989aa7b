// Content: behind DATA with dots (RFC 5321 §4.1.1.4), or in chunks by BDAT where the hop has
// CHUNKING (RFC 3030), and what the server says to it.
#include <utility>

#include "base/text.h"
#include "codec/smtp/client_session.h"

namespace mail::smtp {

namespace {

// Chunks that may be on their way without an answer, so that a long way costs no round trip each.
constexpr std::size_t kMaxChunksOut = 8;

}  // namespace

void ClientSession::ask_body() {
  body_due_ = true;
  if (!in_flight()) wait_for(Stage::body, settings_->timeouts.block);
  act(client::AskBody{});
}

void ClientSession::body(std::string_view content, bool last, MonoTime now) {
  if (!body_due_) return;  // refused or lost meanwhile, and settled
  body_due_ = false;
  now_ = now;
  return chunked_ ? send_chunk(content, last) : send_data(content, last);
}

void ClientSession::abandon_body() {
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::abandoned, "4.3.0",
                   "the content could not be read"));
}

void ClientSession::on_data(const ServerReply& reply) {
  if (reply.kind() != 3) {
    settle_rest(Target::State::taken, judge(Stage::data, reply));
    return advance();
  }
  if (any(Target::State::taken)) return ask_body();
  // RFC 2920 §3.1: content is asked for and goes to nobody; it is a lone dot. An LMTP server would
  // have no one to answer for.
  if (settings_->protocol == HopProtocol::lmtp) return on_unexpected(reply);
  act(client::Send{".\r\n"});
  expect(Stage::final_dot);
}

void ClientSession::send_data(std::string_view content, bool last) {
  client::Send send;
  send.bytes.reserve(content.size() + content.size() / 32 + 8);
  encoder_.feed(content, &send.bytes);
  if (last) encoder_.finish(&send.bytes);
  if (!send.bytes.empty()) act(std::move(send));
  return last ? expect_end() : ask_body();
}

void ClientSession::send_chunk(std::string_view content, bool last) {
  std::string encoded;
  if (mail_.options.body != BodyType::binary_mime) {  // binary has no lines (RFC 3030 §3)
    encoded.reserve(content.size() + content.size() / 32 + 8);
    encoder_.feed(content, &encoded);
    if (last) encoder_.finish(&encoded);
    content = encoded;
  }
  if (content.empty() && !last) return ask_body();
  client::Send send{std::exchange(held_, {})};
  send.bytes.reserve(send.bytes.size() + content.size() + 32);
  append(send.bytes, "BDAT ", content.size(), last ? " LAST\r\n" : "\r\n", content);
  act(std::move(send));
  if (last) return expect_end();
  expect(Stage::body);
  ++chunks_out_;
  if (extensions_.pipelining && chunks_out_ < kMaxChunksOut) ask_body();
}

// RFC 2033 §4.2: LMTP answers for each recipient it has taken.
void ClientSession::expect_end() {
  content_ended_ = true;
  if (settings_->protocol == HopProtocol::smtp) return expect(Stage::final_dot);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].state == Target::State::taken) expect(Stage::final_dot, i);
  }
}

// RFC 3030 §2: after a refusal no chunk follows, and RSET is due.
void ClientSession::on_chunk(const ServerReply& reply) {
  --chunks_out_;
  if (reply.kind() != 2) settle_rest(Target::State::taken, judge(Stage::body, reply));
  if (!any(Target::State::taken)) {
    body_due_ = false;
    content_ended_ = true;
    return advance();
  }
  if (!content_ended_ && !body_due_) ask_body();
}

void ClientSession::on_end(std::size_t target, const ServerReply& reply) {
  if (settings_->protocol == HopProtocol::smtp) {
    // RFC 5321 §4.1.1.4: whatever the answer, the transaction is over. After a chunk that was
    // refused it may not be (RFC 3030 §2).
    reset_due_ = chunked_ && (reply.kind() != 2 || !any(Target::State::taken));
    settle_rest(Target::State::taken, judge(Stage::final_dot, reply));
  } else {
    targets_[target] = {Target::State::settled, judge(Stage::final_dot, reply)};
    reset_due_ = false;
  }
  if (!in_flight()) finish();
}

}  // namespace mail::smtp
