#include "codec/smtp/client_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "codec/smtp/command.h"

namespace mail::smtp {

std::string_view to_string(Stage stage) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"connect", "TLS handshake", "greeting", "EHLO", "STARTTLS", "AUTH", "ready", "RSET", "MAIL",
       "RCPT", "envelope", "DATA", "content", "final dot", "QUIT", "closed"});
  static_assert(kNames.size() == static_cast<std::size_t>(Stage::closed) + 1);
  return kNames[static_cast<std::size_t>(stage)];
}

ClientSession::ClientSession(std::shared_ptr<const ClientSettings> settings, MonoTime now)
    : settings_(std::move(settings)), now_(now) {
  if (settings_->tls == HopTls::implicit) {
    wait_for(Stage::handshake, settings_->timeouts.handshake);
    act(client::StartTls{});
  } else {
    expect(Stage::greeting);
  }
}

std::optional<client::Action> ClientSession::next() {
  if (next_action_ == actions_.size()) {
    actions_.clear();
    next_action_ = 0;
    return std::nullopt;
  }
  return std::move(actions_[next_action_++]);
}

Stage ClientSession::stage() const {
  return in_flight() ? expected_[next_expected_].stage : stage_;
}

MonoTime ClientSession::deadline() const { return deadline_; }

void ClientSession::wait_for(Stage stage, Milliseconds time) {
  stage_ = stage;
  deadline_ = now_ + time;
}

void ClientSession::expect(Stage stage, std::size_t target) {
  const bool first = !in_flight();
  if (first) {
    expected_.clear();
    next_expected_ = 0;
  }
  expected_.push_back({stage, target});
  if (first) restart_deadline();
}

// Each reply has its own time; bytes that are no whole reply do not prolong it (security.md 27).
void ClientSession::restart_deadline() {
  const ClientTimeouts& timeouts = settings_->timeouts;
  switch (stage()) {
    case Stage::greeting:
      deadline_ = now_ + timeouts.greeting;
      break;
    case Stage::data:
      deadline_ = now_ + timeouts.data;
      break;
    case Stage::body:
      deadline_ = now_ + timeouts.block;
      break;
    case Stage::final_dot:
      deadline_ = now_ + timeouts.final_dot;
      break;
    case Stage::quit:
      deadline_ = now_ + timeouts.quit;
      break;
    default:
      deadline_ = now_ + timeouts.command;
  }
}

// The one way for a command to get out. Its parts were validated where it was composed; that no
// line end is hidden in it is looked at once more (security.md 25).
void ClientSession::command(std::string line, Stage stage, bool secret) {
  MAIL_ASSERT(!has_control(line));
  line += "\r\n";
  act(client::Send{std::move(line), secret});
  expect(stage);
}

void ClientSession::consume(std::span<const char> input, MonoTime now) {
  now_ = now;
  std::string_view rest(input.data(), input.size());
  while (!rest.empty() && stage() != Stage::closed) {
    if (stage() == Stage::handshake) {
      // RFC 3207 §4: plaintext behind the reply would pass for something said under TLS.
      return lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::tls, "4.7.5",
                              "the server sent plaintext where TLS begins"));
    }
    rest.remove_prefix(parser_.feed(rest));
    if (parser_.state() == ReplyParser::State::reading) return;
    if (parser_.state() != ReplyParser::State::done) return on_no_reply();
    on_reply(parser_.take());
  }
}

void ClientSession::on_reply(const ServerReply& reply) {
  if (!in_flight()) return on_unexpected(reply);
  const Expected expected = expected_[next_expected_];
  // RFC 5321 §3.8: the server is about to close, whatever it was asked.
  if (reply.code == 421 && expected.stage != Stage::quit) return lose(judge(stage(), reply));
  // 3xx asks for more, and only these may be asked.
  const bool may_go_on = expected.stage == Stage::data || expected.stage == Stage::login;
  const bool may_be_done = expected.stage != Stage::data;
  const bool fits = reply.kind() >= 4 || (reply.kind() == 3 ? may_go_on : may_be_done);
  if (!fits && expected.stage != Stage::quit) return on_unexpected(reply);
  dispatch(expected, reply);
}

void ClientSession::dispatch(const Expected& expected, const ServerReply& reply) {
  ++next_expected_;
  stage_ = expected.stage;
  if (in_flight()) restart_deadline();
  switch (expected.stage) {
    case Stage::greeting:
      return on_greeting(reply);
    case Stage::hello:
      return on_hello(reply);
    case Stage::starttls:
      return on_starttls(reply);
    case Stage::login:
      return on_login(reply);
    case Stage::reset:
      return on_reset(reply);
    case Stage::mail:
      return on_mail(reply);
    case Stage::recipient:
      return on_recipient(expected.target, reply);
    case Stage::data:
      return on_data(reply);
    case Stage::body:
      return on_chunk(reply);
    case Stage::final_dot:
      return on_end(expected.target, reply);
    case Stage::quit:
      return close();
    case Stage::connect:
    case Stage::handshake:
    case Stage::ready:
    case Stage::envelope:
    case Stage::closed:
      break;  // nothing is in flight then
  }
}

// A reply of the wrong kind, or that nobody waits for. Errors mean what they say (a server that
// gives up in the middle of content, or of an idle connection); anything else is nonsense, and what
// follows can not be matched to commands any more.
void ClientSession::on_unexpected(const ServerReply& reply) {
  if (reply.kind() >= 4) return lose(judge(stage(), reply));
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::no_smtp, "4.5.0",
                   concat("the server answered out of turn: ", reply.text())));
}

void ClientSession::on_no_reply() {
  if (parser_.state() == ReplyParser::State::too_large) {
    return lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::no_smtp, "4.4.2",
                            "the server's reply does not end"));
  }
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::no_smtp, "4.5.0",
                   concat("the server does not speak SMTP: ", parser_.bad_line())));
}

void ClientSession::time_out() {
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::silence, "4.4.2",
                   "the server did not answer in time"));
}

void ClientSession::disconnect() {
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::closed, "4.4.2",
                   "the connection was closed"));
}

Verdict ClientSession::judge(Stage stage, const ServerReply& reply) {
  Verdict verdict;
  verdict.kind = reply.kind() == 2   ? Verdict::Kind::accepted
                 : reply.kind() == 5 ? Verdict::Kind::rejected
                                     : Verdict::Kind::deferred;
  verdict.stage = stage;
  verdict.code = reply.code;
  verdict.enhanced = reply.enhanced();
  if (verdict.enhanced.empty()) verdict.enhanced = concat(reply.kind(), ".0.0");
  verdict.text = reply.text();
  return verdict;
}

Verdict ClientSession::our_verdict(Verdict::Kind kind, Verdict::Cause cause,
                                   std::string_view enhanced, std::string_view text) const {
  return {kind, cause, stage(), 0, std::string(enhanced), std::string(text)};
}

// What was to be done next on the connection is void; what was settled stays so.
void ClientSession::lose(Verdict verdict, bool retry_in_clear) {
  if (stage() == Stage::closed) return;
  const auto is_void = [](const client::Action& action) {
    return !std::holds_alternative<client::Settled>(action) &&
           !std::holds_alternative<client::RecipientAnswered>(action) &&
           !std::holds_alternative<client::Failed>(action);
  };
  const auto undone = actions_.begin() + static_cast<std::ptrdiff_t>(next_action_);
  actions_.erase(std::remove_if(undone, actions_.end(), is_void), actions_.end());
  bool told = stage() == Stage::quit;  // nobody needs to know then
  if (in_transaction_) {
    MAIL_ASSERT(verdict.kind != Verdict::Kind::accepted);
    told = any(Target::State::open) || any(Target::State::taken);
    // RFC 5321 §4.2.4.3: without an answer to its end, a message may have been taken.
    const auto due = expected_.begin() + static_cast<std::ptrdiff_t>(next_expected_);
    const bool ended = std::any_of(
        due, expected_.end(), [](const Expected& each) { return each.stage == Stage::final_dot; });
    const bool maybe = told && ended && verdict.cause != Verdict::Cause::reply;
    settle_rest(Target::State::open, verdict);
    settle_rest(Target::State::taken, verdict);
    settle(maybe);
  }
  if (!told) act(client::Failed{std::move(verdict), retry_in_clear});
  close();
}

void ClientSession::give_up(Verdict verdict) {
  act(client::Failed{std::move(verdict), false});
  quit(now_);
}

// RFC 5321 §4.1.1.10: a client says QUIT and waits for the answer, though not for long.
void ClientSession::quit(MonoTime now) {
  now_ = now;
  command("QUIT", Stage::quit);
}

void ClientSession::close() {
  expected_.clear();
  next_expected_ = 0;
  stage_ = Stage::closed;
  act(client::Close{});
}

}  // namespace mail::smtp
