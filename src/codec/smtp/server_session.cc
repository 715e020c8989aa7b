#include "codec/smtp/server_session.h"

#include <algorithm>
#include <utility>

namespace mail::smtp {

namespace {
constexpr std::size_t kMaxReplies = std::size_t{16} << 10;  // then they go out before more is read
// What an idle session keeps for its next message.
constexpr std::size_t kKeptReplies = 128;
constexpr std::size_t kKeptRecipients = 2;
constexpr std::uint64_t kSlowestBody = 500;  // octets a second (security.md §3)

// Length of "2.1.0 " at the beginning of `text`; 0 where there is no such code.
std::size_t enhanced_code(std::string_view text) {
  const std::size_t size = text.find_first_not_of("0123456789.");
  const bool whole = size != std::string_view::npos && text[size] == ' ' &&
                     std::ranges::count(text.substr(0, size), '.') == 2;
  return whole ? size + 1 : 0;
}

// Whoever does not offer ENHANCEDSTATUSCODES does not use them (RFC 2034 §3).
std::string without_enhanced_codes(std::string_view replies) {
  constexpr std::size_t kCode = 4;  // "250-"
  std::string out;
  while (!replies.empty()) {
    const std::string_view line = replies.substr(0, replies.find('\n') + 1);
    append(out, line.substr(0, kCode), line.substr(kCode + enhanced_code(line.substr(kCode))));
    replies.remove_prefix(line.size());
  }
  return out;
}
}  // namespace

std::string_view Client::protocol(bool smtputf8) const {
  if (smtputf8) {
    if (login.empty()) return tls ? "UTF8SMTPS" : "UTF8SMTP";
    return tls ? "UTF8SMTPSA" : "UTF8SMTPA";
  }
  if (!esmtp) return "SMTP";  // RFC 3848 names the ESMTP forms only
  if (login.empty()) return tls ? "ESMTPS" : "ESMTP";
  return tls ? "ESMTPSA" : "ESMTPA";
}

ServerSession::ServerSession(std::shared_ptr<const SmtpListener> listener, Peer peer, MonoTime now)
    : listener_(std::move(listener)), now_(now), last_input_(now), began_(now) {
  client_.peer = peer;
}

const Client& ServerSession::client() const { return client_; }
const Transaction& ServerSession::transaction() const { return transaction_; }
Phase ServerSession::phase() const { return phase_; }
bool ServerSession::in_transaction() const {
  return phase_ == Phase::mail || phase_ == Phase::recipients || phase_ == Phase::data ||
         phase_ == Phase::chunks;
}
// The last chunks may be asked to be staged when the first has gone into JudgeAndCommit already.
std::string_view ServerSession::first_chunk() const {
  std::string_view content = content_;
  if (next_action_ < actions_.size()) {
    if (const auto* judge = std::get_if<JudgeAndCommit>(&actions_.back())) content = judge->content;
  }
  return content.substr(std::min(trace_size_, content.size()));
}
bool ServerSession::waiting_for_answer() const { return waiting_ != Waiting::nothing; }

void ServerSession::greet() {
  greeting_due_ = false;
  append_greeting(out_, listener_->hostname);
}

std::size_t ServerSession::consume(std::span<const char> bytes, MonoTime now) {
  const std::string_view input(bytes.data(), bytes.size());
  if (phase_ == Phase::closed) return input.size();
  now_ = now;
  if (!input.empty() || answered_since_) last_input_ = now;
  answered_since_ = false;
  if (greeting_due_ && !input.empty()) {
    if (listener_->role != Role::relay) {  // who does not wait to be greeted is no mail server
      greeting_due_ = false;
      append_refusal_greeting(out_, listener_->hostname);
      close();
      return input.size();
    }
    greet();
  }
  std::size_t taken = 0;
  while (taken < input.size() && waiting_ == Waiting::nothing && phase_ != Phase::closed &&
         out_.size() < kMaxReplies) {
    const std::string_view rest = input.substr(taken);
    if (phase_ != Phase::data) {
      taken += take_line(rest);
    } else {
      taken += in_chunk_ ? take_chunk(rest) : take_body(rest);
    }
  }
  if (phase_ == Phase::closed) return input.size();
  more_input_ = taken < input.size();
  return taken;
}

std::optional<Action> ServerSession::next() {
  if (greeting_due_) greet();
  const bool queued = next_action_ < actions_.size();
  // Replies wait for more of the group to be answered (RFC 2920 §3.2 (2)), but not behind what the
  // client has to read before the connection changes or ends.
  const bool overtakes = queued && (std::holds_alternative<Close>(actions_[next_action_]) ||
                                    std::holds_alternative<UpgradeToTls>(actions_[next_action_]));
  const bool complete =
      !queued && waiting_ == Waiting::nothing && (!more_input_ || out_.size() >= kMaxReplies);
  if (!out_.empty() && (overtakes || complete)) {
    std::string replies = std::exchange(out_, {});
    return Send{listener_->enhanced_status_codes ? std::move(replies)
                                                 : without_enhanced_codes(replies)};
  }
  if (!queued) return std::nullopt;
  Action action = std::move(actions_[next_action_++]);
  if (next_action_ == actions_.size()) {
    actions_.clear();
    next_action_ = 0;
  }
  return action;
}

void ServerSession::take_back(std::string bytes) {
  if (!out_.empty() || bytes.capacity() > kKeptReplies) return;
  bytes.clear();
  out_ = std::move(bytes);
}

void ServerSession::ask(Waiting what, Action question) {
  waiting_ = what;
  act(std::move(question));
}

bool ServerSession::answered(Waiting what) {
  if (phase_ == Phase::closed) return false;
  MAIL_ASSERT(waiting_ == what);
  waiting_ = Waiting::nothing;
  answered_since_ = true;
  return true;
}

void ServerSession::settle() {
  if (stopping_ && phase_ != Phase::closed) refuse_and_close(kShuttingDown);
}

void ServerSession::refuse(Reply reply) {
  if (++errors_ > listener_->max_errors) return refuse_and_close(kTooManyErrors);
  send(reply);
}

void ServerSession::pass_on(const PassedReply& reply) {
  if (reply.is_permanent() && ++errors_ > listener_->max_errors) {
    return refuse_and_close(kTooManyErrors);
  }
  append_passed_reply(out_, reply);
}

// The words are cut to fit a line already (policy_words).
void ServerSession::refuse_by_policy(Reply reply, const PolicyWords& words) {
  if (words.text.empty()) return refuse(reply);
  const std::string line = concat("550 ", words.text);
  refuse({line});
}

void ServerSession::postpone_by_policy(Reply reply, const PolicyWords& words) {
  if (words.text.empty()) return send(reply);
  const std::string line = concat("451 ", words.text);
  send({line});
}

void ServerSession::answer(const PassedReply& reply) {
  const bool to_recipient = waiting_ == Waiting::recipient;
  if (!answered(to_recipient ? Waiting::recipient : Waiting::commit)) return;
  if (to_recipient) {
    if (reply.is_accepted()) take_recipient();
    asked_ = {};
  } else {
    if (reply.is_accepted()) {
      staged_ = false;
      forget_errors();
    }
    end_transaction();
  }
  pass_on(reply);
  settle();
}

// It would cost a client nothing to go on asking for ever.
void ServerSession::postpone(Reply reply) {
  if (!is_junk()) send(reply);
}

void ServerSession::refuse_and_close(Reply reply) {
  send(reply);
  close();
}

bool ServerSession::is_junk() {
  if (++junk_commands_ <= listener_->max_junk_commands) return false;
  refuse_and_close(kTooManyJunk);
  return true;
}

void ServerSession::close() {
  if (phase_ == Phase::closed) return;
  end_transaction();
  forget_line();
  exchange_.reset();
  waiting_ = Waiting::nothing;
  more_input_ = false;
  phase_ = Phase::closed;
  act(Close{});
}

void ServerSession::end_transaction() {
  // What a commit under way holds is the committer's.
  if (staged_ && waiting_ != Waiting::commit) act(DropBody{});
  staged_ = false;
  std::vector<TakenRecipient> taken = std::move(transaction_.recipients);
  transaction_ = {};
  if (taken.capacity() <= kKeptRecipients) {
    taken.clear();
    transaction_.recipients = std::move(taken);
  }
  std::string().swap(content_);  // frees it: an idle session holds no body
  std::string().swap(chunk_);
  body_memory_ = BodyMemory::Share();
  trace_size_ = 0;
  content_size_ = 0;
  wire_size_ = 0;
  too_large_ = false;
  lines_ = ChunkLines();
  chunks_ = 0;
  chunk_failed_ = false;
  if (in_transaction()) phase_ = Phase::greeted;
}

WallTime ServerSession::wall_now() const {
  return std::chrono::floor<Milliseconds>(
      std::chrono::sys_time<std::chrono::nanoseconds>(now_.time_since_epoch() + wall_offset_));
}

MonoTime ServerSession::deadline() const {
  const auto idle = stressed_ ? std::min(listener_->stressed_timeout, listener_->idle_timeout)
                              : listener_->idle_timeout;
  MonoTime at = last_input_ + idle;
  // One octet now and then keeps a connection from being idle, not from being useless.
  if (phase_ == Phase::data) {
    at = std::min(at, began_ + idle + std::chrono::seconds(wire_size_ / kSlowestBody));
  } else if (!line_.empty() || discarding_) {
    at = std::min(at, began_ + idle);
  }
  return at;
}

void ServerSession::time_out() {
  if (phase_ != Phase::closed) refuse_and_close(kTimedOut);
}

void ServerSession::shut_down() {
  if (phase_ == Phase::closed) return;
  if (greeting_due_) {
    greeting_due_ = false;
    append_busy_greeting(out_, listener_->hostname);
    return close();
  }
  // What was asked is answered first: a commit under way must be acknowledged.
  if (waiting_for_answer()) {
    stopping_ = true;
    return;
  }
  refuse_and_close(kShuttingDown);
}

void ServerSession::disconnect() {
  greeting_due_ = false;
  out_.clear();
  close();
}

}  // namespace mail::smtp
