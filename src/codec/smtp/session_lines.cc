// From bytes to command lines, and what may be said when: the rules that stand before every verb.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

namespace {
constexpr std::size_t kMaxDiscarded = std::size_t{64} << 10;  // in lines over their limit
}

// A line in AUTH may be longer (RFC 4954 §4). `more` continues line_.
std::size_t ServerSession::line_limit(std::string_view more) const {
  if (phase_ == Phase::login) return kMaxAuthLine;
  constexpr std::string_view kAuth = "AUTH ";
  const std::string_view kept = std::string_view(line_).substr(0, kAuth.size());
  const bool is_auth = istarts_with(kAuth, kept) && istarts_with(more, kAuth.substr(kept.size()));
  return is_auth ? kMaxAuthLine : kMaxCommandLine;
}

void ServerSession::forget_line() {
  if (line_.empty()) return;
  if (phase_ == Phase::login || istarts_with(line_, "AUTH")) sasl::wipe(line_);
  std::string().swap(line_);  // frees it: an idle session owns no buffer
}

// Takes at most one line. RFC 5321 §2.3.8: only CRLF ends it; a bare LF is a control byte.
std::size_t ServerSession::take_line(std::string_view input) {
  if (discarding_) return discard(input);
  const std::size_t lf = input.find('\n');
  const std::string_view piece = input.substr(0, lf);
  if (line_.empty()) began_ = now_;
  // One more than the limit: the CR of a line that is just not too long.
  if (line_.size() + piece.size() > kMaxCommandLine + 1 &&
      line_.size() + piece.size() > line_limit(piece) + 1) {
    discarding_ = true;
    discarded_ += line_.size();
    discarded_cr_ = line_.ends_with('\r');
    forget_line();
    return discard(input);
  }
  if (lf == std::string_view::npos) {
    line_.append(piece);
    return piece.size();
  }
  const std::string_view behind = input.substr(lf + 1);
  const bool whole = line_.empty();  // nearly always: nothing is copied then
  if (!whole) line_.append(piece);
  std::string_view line = whole ? piece : std::string_view(line_);
  if (!line.ends_with('\r')) {
    refuse_and_close(kControlByte);
    return lf + 1;
  }
  line.remove_suffix(1);
  if (whole) {
    on_line(line, behind);
  } else {
    std::string owned = std::exchange(line_, {});
    const bool secret = phase_ == Phase::login || istarts_with(owned, "AUTH");
    on_line(std::string_view(owned).substr(0, owned.size() - 1), behind);
    if (secret) sasl::wipe(owned);
  }
  return lf + 1;
}

// To the CRLF of a line over its limit; answers only then, so that replies keep their order.
std::size_t ServerSession::discard(std::string_view input) {
  std::size_t taken = 0;
  bool ended = false;
  while (!ended && taken < input.size()) {
    const std::size_t lf = input.find('\n', taken);
    const std::size_t stop = std::min(lf, input.size());
    const bool cr = stop > taken ? input[stop - 1] == '\r' : discarded_cr_;
    ended = lf != std::string_view::npos && cr;
    discarded_cr_ = lf == std::string_view::npos && cr;
    taken = lf == std::string_view::npos ? stop : lf + 1;
  }
  discarded_ += taken;
  if (discarded_ > kMaxDiscarded) {
    refuse_and_close(kLineEndless);
  } else if (ended) {
    discarding_ = false;
    const bool in_login = phase_ == Phase::login;
    if (in_login) end_login();
    refuse(in_login ? kAuthLineTooLong : kLineTooLong);
  }
  return taken;
}

void ServerSession::on_line(std::string_view line, std::string_view behind) {
  const bool strict = listener_->role != Role::relay;
  if (phase_ == Phase::login) {
    // RFC 4954 §4: AUTH ends its group, and so its exchange goes step by step.
    if (strict && !behind.empty()) return refuse_and_close(kInputBehind);
    return on_auth_response(line);
  }
  if (has_control(line)) return refuse_and_close(kControlByte);
  const CommandLine command = parse_command(line);
  if (strict && !behind.empty() && must_end_group(command)) return refuse_and_close(kInputBehind);
  on_command(command, behind);
}

// RFC 2920 §3.1: what comes behind these can not have waited for their answer.
bool ServerSession::must_end_group(const CommandLine& command) const {
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::data:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::noop:
    case Verb::starttls:
      return true;
    case Verb::auth: {
      // RFC 4954 §4: but for a mechanism of one step that came with its response.
      const auto auth = parse_auth(command.argument);
      return !auth || !auth->initial || !iequals(auth->mechanism, "PLAIN");
    }
    default:
      return false;
  }
}

bool ServerSession::tls_required() const {
  return listener_->role == Role::submission && listener_->tls == TlsMode::starttls &&
         !listener_->insecure_auth;
}

// 530 for what has to wait for TLS (RFC 3207 §4) or login (RFC 4954 §6).
std::optional<Reply> ServerSession::why_not_now(Verb verb) const {
  const bool always =
      verb == Verb::ehlo || verb == Verb::noop || verb == Verb::starttls || verb == Verb::quit;
  if (always) return std::nullopt;
  if (tls_required() && !client_.tls) return verb == Verb::helo ? kTlsFirstForHelo : kTlsFirst;
  if (listener_->login_required() && client_.login.empty() && verb != Verb::auth &&
      verb != Verb::helo && verb != Verb::rset) {
    return kLoginFirst;
  }
  return std::nullopt;
}

void ServerSession::on_command(const CommandLine& command, std::string_view behind) {
  if (command.verb == Verb::http) return refuse_and_close(kNotHttp);
  if (command.verb == Verb::unknown) return refuse(kUnknownCommand);
  const std::optional<Reply> not_now = why_not_now(command.verb);
  // What stands behind a BDAT is no command, whatever becomes of it.
  if (command.verb == Verb::bdat) return on_bdat(command.argument, not_now);
  if (not_now) return refuse(*not_now);
  switch (command.verb) {
    case Verb::helo:
      return on_helo(command.argument, false);
    case Verb::ehlo:
      return on_helo(command.argument, true);
    case Verb::mail:
      return on_mail(command.argument);
    case Verb::rcpt:
      return on_rcpt(command.argument);
    case Verb::data:
      return on_data(command.argument);
    case Verb::rset:
      return on_rset(command.argument);
    case Verb::noop:
      return on_noop();
    case Verb::quit:
      return on_quit(command.argument);
    case Verb::starttls:
      return on_starttls(command.argument, behind);
    case Verb::auth:
      return on_auth(command.argument);
    case Verb::vrfy:
      return on_vrfy(command.argument);
    case Verb::expn:
      return on_expn(command.argument);
    case Verb::help:
      return on_help();
    case Verb::bdat:
    case Verb::http:
    case Verb::unknown:
      break;  // done above
  }
}

}  // namespace mail::smtp
