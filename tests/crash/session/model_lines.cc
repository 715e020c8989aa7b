// From octets to command lines, and what may be said when.
#include <algorithm>

#include "base/text.h"
#include "model.h"
#include "words.h"

namespace mail::model {

using smtp::Phase;

namespace {
constexpr std::uint64_t kMaxOverlong = std::uint64_t{64} << 10;  // security.md §3
}  // namespace

// A line in AUTH may be longer (RFC 4954 §4). The CR of one that is just not too long counts too.
bool Model::over_limit() const {
  if (line_.size() <= smtp::kMaxCommandLine + 1) return false;
  const bool may_be_long = phase_ == Phase::login || istarts_with(line_, "AUTH ");
  return !may_be_long || line_.size() > smtp::kMaxAuthLine + 1;
}

// RFC 5321 §2.3.8: a line ends in CRLF and nowhere else.
void Model::take_of_line(char octet, bool behind) {
  if (octet != '\n' || line_too_long_) line_ += octet;
  if (!line_too_long_ && octet != '\n') {
    if (over_limit()) {
      line_too_long_ = true;
      overlong_ += line_.size();
    }
  } else if (line_too_long_) {
    ++overlong_;
  }
  if (overlong_ > kMaxOverlong) return end(421, "4.7.0");
  if (line_too_long_) {
    if (!line_.ends_with("\r\n")) return;
    line_too_long_ = false;
    line_.clear();
    if (phase_ != Phase::login) return error(500, "5.5.2");
    phase_ = Phase::greeted;  // RFC 4954 §4
    exchange_.reset();
    return error(500, "5.5.6");
  }
  if (octet != '\n') return;
  if (!line_.ends_with('\r')) return end(500, "5.5.2");
  std::string line = std::move(line_);
  line_.clear();
  line.pop_back();
  on_line(line, behind);
}

void Model::on_line(std::string_view line, bool behind) {
  if (phase_ == Phase::login) {
    if (strict() && behind) return end(554, "5.5.0");
    return on_response(line);
  }
  const bool control = std::ranges::any_of(
      line, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; });
  if (control) return end(500, "5.5.2");
  const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
  on_command(upper(line.substr(0, space)), trim(line.substr(space)), behind);
}

void Model::on_command(std::string_view verb, std::string_view argument, bool behind) {
  constexpr std::string_view kHttp[] = {"GET",     "POST",    "HEAD",  "PUT",   "DELETE",
                                        "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"};
  constexpr std::string_view kKnown[] = {"HELO", "EHLO", "MAIL", "RCPT", "DATA",
                                         "BDAT", "RSET", "NOOP", "QUIT", "STARTTLS",
                                         "AUTH", "VRFY", "EXPN", "HELP"};
  if (strict() && behind && ends_group(verb, argument)) return end(554, "5.5.0");
  if (std::ranges::find(kHttp, verb) != std::end(kHttp)) return end(221, "2.7.0");
  if (std::ranges::find(kKnown, verb) == std::end(kKnown)) return error(500, "5.5.2");
  const std::optional<Said> wait = not_yet(verb);
  if (verb == "BDAT") return bdat(argument, wait);  // its octets are taken all the same
  if (wait) return error(wait->code, wait->enhanced);
  if (verb == "HELO") return helo(argument, false);
  if (verb == "EHLO") return helo(argument, true);
  if (verb == "MAIL") return sender(argument);
  if (verb == "RCPT") return recipient(argument);
  if (verb == "DATA") return data(argument);
  if (verb == "STARTTLS") return starttls(argument, behind);
  if (verb == "AUTH") return auth(argument);
  if (verb == "VRFY") return look_up(argument, false);
  if (verb == "EXPN") return look_up(argument, true);
  if ((verb == "RSET" || verb == "QUIT") && !argument.empty()) return error(501, "5.5.4");
  if (verb == "QUIT") return end(221, "2.0.0");
  if (!patient()) return;
  if (verb == "HELP") return say(214, "2.0.0");
  if (verb == "RSET") forget_mail();
  say(250, "2.0.0");
}

// RFC 2920 §3.1, RFC 4954 §4.
bool Model::ends_group(std::string_view verb, std::string_view argument) const {
  if (verb == "AUTH") {
    const auto words = words_of(argument);
    return words.size() != 2 || !iequals(words[0], "PLAIN");
  }
  return verb == "HELO" || verb == "EHLO" || verb == "DATA" || verb == "VRFY" || verb == "EXPN" ||
         verb == "NOOP" || verb == "STARTTLS";
}

// RFC 3207 §4, RFC 4954 §6.
std::optional<Said> Model::not_yet(std::string_view verb) const {
  if (rules_.role != smtp::Role::submission) return std::nullopt;
  if (verb == "EHLO" || verb == "NOOP" || verb == "STARTTLS" || verb == "QUIT") return std::nullopt;
  const bool tls_only = rules_.tls == smtp::TlsMode::starttls && !rules_.insecure_auth;
  if (tls_only && !client_.tls) return Said{530, verb == "HELO" ? "" : "5.7.0"};
  if (verb == "AUTH" || verb == "HELO" || verb == "RSET" || !client_.login.empty()) {
    return std::nullopt;
  }
  return Said{530, "5.7.0"};
}

}  // namespace mail::model
