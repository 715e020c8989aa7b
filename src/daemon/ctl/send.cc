#include "daemon/ctl/send.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/base64.h"
#include "base/ids.h"
#include "base/text.h"
#include "platform/net/connect.h"
#include "platform/net/io_thread.h"
#include "platform/tls/context.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kMaxReplyLines = 100;  // security.md 27
constexpr std::size_t kMaxReplyLine = 2048;

struct Reply {
  std::vector<std::string> lines;  // without CRLF
  char kind() const { return lines.back().front(); }
  std::string text() const {
    std::string out;
    for (const std::string& line : lines) append(out, out.empty() ? "" : " / ", line);
    return out;
  }
};

// Nothing that could end a command early may get into one (security.md 25).
bool is_token(std::string_view text, bool may_hold_space) {
  return std::none_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || (!may_hold_space && (c == ' ' || c == '<' || c == '>'));
  });
}

Result<void> check(const SendRequest& request) {
  if (request.recipients.empty()) return fail(Errc::invalid_argument, "there is no recipient");
  std::vector<std::string> addresses = request.recipients;
  if (!request.from.empty()) addresses.push_back(request.from);
  for (const std::string& address : addresses) {
    if (address.empty() || !is_token(address, address.front() == '"')) {
      return fail(Errc::invalid_argument, concat("\"", address, "\" is not an address"));
    }
  }
  if (request.hostname.empty() || !is_token(request.hostname, false)) {
    return fail(Errc::invalid_argument, "the host name for EHLO has a blank or control character");
  }
  return {};
}

class Submission {
 public:
  Submission(net::IoThread& io, const SendRequest& request, net::Stream stream, std::string host,
             std::vector<std::string>& transcript)
      : io_(io),
        request_(request),
        stream_(std::move(stream)),
        host_(std::move(host)),
        transcript_(transcript) {}

  Task<Result<SendResult>> run();

 private:
  MonoTime deadline() const { return io_.clock().mono_now() + request_.timeout; }

  Task<Result<void>> begin();
  Task<Result<void>> secure();
  Task<Result<void>> hello();
  Task<Result<void>> log_in();
  Task<Result<Reply>> command(std::string line, char wanted, std::string shown);
  Task<Result<Reply>> command(std::string line, char wanted);
  Task<Result<Reply>> reply(std::string step, char wanted);
  Task<Result<std::string>> read_line(const std::string& step);
  bool offers(std::string_view keyword, std::string_view word) const;

  net::IoThread& io_;
  const SendRequest& request_;
  net::Stream stream_;
  const std::string host_;
  std::vector<std::string>& transcript_;
  std::string read_;  // behind the last line taken
  std::vector<std::string> extensions_;
};

Task<Result<SendResult>> Submission::run() {
  MAIL_CO_TRY(co_await begin());
  if (!request_.login.empty()) MAIL_CO_TRY(co_await log_in());
  MAIL_CO_TRY(co_await command(concat("MAIL FROM:<", request_.from, '>'), '2'));
  for (const std::string& recipient : request_.recipients) {
    MAIL_CO_TRY(co_await command(concat("RCPT TO:<", recipient, '>'), '2'));
  }
  MAIL_CO_TRY(co_await command("DATA", '3'));
  const std::string wire = to_wire(request_.message);
  const std::string what = concat("message of ", wire.size(), " octets");
  transcript_.push_back(concat("C: (", what, ')'));
  MAIL_CO_TRY(co_await stream_.write_all(wire, deadline()));
  MAIL_CO_TRY(const Reply taken, co_await reply(what, '2'));
  SendResult result;
  result.reply = taken.lines.back();
  const auto words = split(result.reply, ' ');
  if (words.size() > 2 && MessageId::parse(words[2])) result.id = words[2];
  // The message is taken: what becomes of QUIT changes nothing.
  (void)(co_await command("QUIT", '2')).has_value();
  co_return result;
}

Task<Result<void>> Submission::begin() {
  if (request_.tls == SendTls::implicit) MAIL_CO_TRY(co_await secure());
  MAIL_CO_TRY(co_await reply("greeting", '2'));
  MAIL_CO_TRY(co_await hello());
  if (request_.tls != SendTls::starttls) co_return Result<void>{};
  if (!offers("STARTTLS", "")) {
    co_return fail(Errc::tls_failed, "STARTTLS: the server does not offer it");
  }
  MAIL_CO_TRY(co_await command("STARTTLS", '2'));
  if (!read_.empty()) {  // security.md 27: it would pass for something said under TLS
    co_return fail(Errc::tls_failed, "STARTTLS: the server sent bytes behind its reply");
  }
  MAIL_CO_TRY(co_await secure());
  co_return co_await hello();
}

Task<Result<void>> Submission::secure() {
  MAIL_CO_TRY(const auto context,
              tls::ClientContext::make({.verify = request_.verify, .ca_file = request_.ca_file}));
  const std::string name = request_.tls_name.empty() ? host_ : request_.tls_name;
  MAIL_CO_TRY(auto cipher, context->connect(stream_.native_handle(), name));
  if (auto secured = co_await stream_.secure(std::move(cipher), deadline()); !secured) {
    co_return fail(secured.error().code, concat("TLS handshake: ", secured.error().detail));
  }
  transcript_.push_back(
      concat("   (", stream_.cipher()->version(), ", ", stream_.cipher()->cipher(), ')'));
  co_return Result<void>{};
}

Task<Result<void>> Submission::hello() {
  MAIL_CO_TRY(const Reply answer, co_await command(concat("EHLO ", request_.hostname), '2'));
  extensions_.clear();
  for (const std::string& line : answer.lines) {
    if (line.size() > 4) extensions_.push_back(line.substr(4));
  }
  co_return Result<void>{};
}

// Whether the server offers `keyword`, with `word` among its parameters.
bool Submission::offers(std::string_view keyword, std::string_view word) const {
  for (const std::string& extension : extensions_) {
    const auto words = split(extension, ' ');
    if (!iequals(words[0], keyword)) continue;
    if (word.empty() || std::any_of(words.begin() + 1, words.end(),
                                    [&](auto each) { return iequals(each, word); })) {
      return true;
    }
  }
  return false;
}

Task<Result<void>> Submission::log_in() {
  if (offers("AUTH", "PLAIN")) {  // RFC 4616
    std::string response(1, '\0');
    append(response, request_.login, '\0', request_.password);
    MAIL_CO_TRY(
        co_await command(concat("AUTH PLAIN ", base64_encode(response)), '2', "AUTH PLAIN ..."));
  } else if (offers("AUTH", "LOGIN")) {
    MAIL_CO_TRY(co_await command("AUTH LOGIN", '3'));
    MAIL_CO_TRY(co_await command(base64_encode(request_.login), '3', "(login)"));
    MAIL_CO_TRY(co_await command(base64_encode(request_.password), '2', "(password)"));
  } else {
    co_return fail(Errc::not_allowed, "AUTH: the server offers neither PLAIN nor LOGIN here");
  }
  co_return Result<void>{};
}

Task<Result<Reply>> Submission::command(std::string line, char wanted) {
  std::string shown = line;
  co_return co_await command(std::move(line), wanted, std::move(shown));
}

// `shown`: the command as it may be read by others.
Task<Result<Reply>> Submission::command(std::string line, char wanted, std::string shown) {
  transcript_.push_back(concat("C: ", shown));
  line += "\r\n";
  if (auto written = co_await stream_.write_all(line, deadline()); !written) {
    co_return fail(written.error().code, concat(shown, ": ", written.error().detail));
  }
  co_return co_await reply(std::move(shown), wanted);
}

Task<Result<Reply>> Submission::reply(std::string step, char wanted) {
  Reply out;
  for (;;) {
    MAIL_CO_TRY(std::string line, co_await read_line(step));
    transcript_.push_back(concat("S: ", line));
    const bool reply_line = line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) &&
                            is_digit(line[2]) &&
                            (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!reply_line || out.lines.size() == kMaxReplyLines) {
      co_return fail(Errc::bad_syntax, concat(step, ": the server does not speak SMTP: ", line));
    }
    const bool last = line.size() == 3 || line[3] == ' ';
    out.lines.push_back(std::move(line));
    if (last) break;
  }
  if (out.kind() == wanted) co_return out;
  const Errc code = out.kind() == '4'   ? Errc::overloaded
                    : out.kind() == '5' ? Errc::not_allowed
                                        : Errc::bad_syntax;
  co_return fail(code, concat(step, ": the server said ", out.text()));
}

Task<Result<std::string>> Submission::read_line(const std::string& step) {
  const MonoTime until = deadline();
  for (;;) {
    if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      co_return line;
    }
    if (read_.size() > kMaxReplyLine) {
      co_return fail(Errc::bad_syntax, concat(step, ": the server sends a line without end"));
    }
    char bytes[4096];
    auto got = stream_.read_some(bytes);
    if (got && *got == 0) {
      auto waited = co_await stream_.readable(until);
      if (waited) continue;
      got = std::unexpected(std::move(waited.error()));
    }
    if (!got) co_return fail(got.error().code, concat(step, ": ", got.error().detail));
    read_.append(bytes, *got);
  }
}

Task<Result<SendResult>> submit(net::IoThread& io, const SendRequest& request,
                                std::vector<net::Address> addresses, std::string host,
                                std::vector<std::string>& transcript) {
  Result<net::Stream> stream = fail(Errc::unavailable, "no address to connect to");
  for (const net::Address& address : addresses) {
    stream = co_await net::connect(io, address, io.clock().mono_now() + request.timeout);
    if (stream) break;
  }
  MAIL_CO_TRY(net::Stream connected, std::move(stream));
  Submission submission(io, request, std::move(connected), std::move(host), transcript);
  co_return co_await submission.run();
}

}  // namespace

std::string to_wire(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 32 + 8);
  while (!message.empty()) {
    const std::size_t end = std::min(message.find_first_of("\r\n"), message.size());
    if (message.front() == '.') out += '.';
    append(out, message.substr(0, end), "\r\n");
    message.remove_prefix(end);
    // One line end: CRLF, LF, or a bare CR, which must not leave as it is.
    if (message.starts_with("\r\n")) {
      message.remove_prefix(2);
    } else if (!message.empty()) {
      message.remove_prefix(1);
    }
  }
  return out += ".\r\n";
}

Result<SendResult> send_message(const SendRequest& request, const Clock& clock,
                                std::vector<std::string>* transcript) {
  MAIL_TRY(check(request));
  MAIL_TRY(const net::Address server, net::split_host_port(request.server));
  MAIL_TRY(auto addresses, net::resolve(server.host, server.port));
  std::vector<std::string> lines;
  net::IoThread io(clock);
  auto result = net::run_task(io, submit(io, request, std::move(addresses), server.host, lines));
  if (transcript != nullptr) *transcript = lines;
  if (result) result->transcript = std::move(lines);
  return result;
}

}  // namespace mail::ctl
