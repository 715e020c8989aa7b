#include "daemon/ctl/send_command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/base64.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/send.h"
#include "daemon/ctl/text_table.h"
#include "platform/json/json.h"
#include "platform/os/file.h"
#include "platform/password/password.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kMaxPassword = 1024;
constexpr std::size_t kMaxMessage = std::size_t{1} << 30;

std::expected<std::string, Refusal> read_all(int descriptor) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return refuse(
          Exit::io,
          concat("Standard input cannot be read: ", std::generic_category().message(errno), '.'));
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxMessage) return refuse(Exit::bad_data, "The message is over 1 GiB.");
  }
}

std::expected<std::string, Refusal> read_message_file(const cli::Invocation& invocation) {
  if (!invocation.has("FILE")) return read_all(STDIN_FILENO);
  Result<std::string> text = os::read_file(invocation.text("FILE"), kMaxMessage);
  if (text) return std::move(*text);
  return refuse(text.error().code == Errc::too_large ? Exit::bad_data : Exit::no_input,
                concat(text.error().detail, '.'));
}

std::expected<std::string, Refusal> read_password(const cli::Invocation& invocation) {
  if (invocation.has("--password-stdin")) return read_password_line(STDIN_FILENO);
  if (!invocation.has("--password-file")) {
    return refuse(Exit::usage,
                  "--login needs a password: give --password-stdin or --password-file FILE.");
  }
  const std::string file = invocation.text("--password-file");
  const Result<bool> open_to_others = os::others_may_read(file);
  if (!open_to_others) return refuse(Exit::no_input, concat(open_to_others.error().detail, '.'));
  if (*open_to_others) {
    return refuse(
        Exit::not_permitted,
        concat(file, " holds a password and others may read it. Run `chmod 600 ", file, "`."));
  }
  MAIL_TRY(const std::string text, os::read_file(file, kMaxPassword));
  std::string line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return refuse(Exit::bad_data, concat(file, " has no password in it."));
  return line;
}

// RFC 2047 §2: an encoded word has at most 75 characters and ends between UTF-8 sequences.
std::string encoded_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = std::min<std::size_t>(text.size(), 45);
    while (end < text.size() && end > 1 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
      --end;
    }
    append(out, out.empty() ? "=?utf-8?B?" : "\n =?utf-8?B?", base64_encode(text.substr(0, end)),
           "?=");
    text.remove_prefix(end);
  }
  return out;
}

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool is_seven_bit(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// A header for a text that has none.
std::expected<std::string, Refusal> with_header(const SendRequest& request,
                                                std::string_view subject, std::string_view text,
                                                WallTime now) {
  if (subject.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return refuse(Exit::bad_data, "--subject is one line.");
  }
  std::string out = concat("From: ", request.from, "\nTo: ");
  for (const std::string& recipient : request.recipients) {
    append(out, &recipient == &request.recipients.front() ? "" : ",\n ", recipient);
  }
  append(out,
         "\nSubject: ", is_printable_ascii(subject) ? std::string(subject) : encoded_words(subject),
         "\nDate: ");
  message::append_date(out, now);
  append(out, "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n",
         is_seven_bit(text) ? "" : "Content-Transfer-Encoding: 8bit\n", '\n', text);
  return out;
}

std::expected<SendTls, Refusal> parse_tls(const cli::Invocation& invocation) {
  const std::string mode = invocation.has("--tls") ? invocation.text("--tls") : "starttls";
  if (mode == "none") return SendTls::none;
  if (mode == "starttls") return SendTls::starttls;
  if (mode == "implicit") return SendTls::implicit;
  return refuse(Exit::usage,
                concat("--tls is none, starttls or implicit, not `", printable(mode), "`."));
}

std::expected<SendRequest, Refusal> make_send_request(const cli::Invocation& invocation,
                                                      const Clock& clock) {
  SendRequest request;
  request.server = invocation.text("--server");
  MAIL_TRY(request.tls, parse_tls(invocation));
  request.verify = !invocation.has("--insecure");
  request.ca_file = invocation.text("--ca");
  request.login = invocation.text("--login");
  request.from = invocation.text("--from");
  if (request.from == "<>") request.from.clear();
  request.recipients = invocation.texts("--to");
  if (!request.login.empty()) {
    MAIL_TRY(request.password, read_password(invocation));
  }
  MAIL_TRY(request.message, read_message_file(invocation));
  if (invocation.has("--subject")) {
    MAIL_TRY(request.message,
             with_header(request, invocation.text("--subject"), request.message, clock.wall_now()));
  }
  return request;
}

Refusal send_refusal(const Error& error, const std::vector<std::string>& transcript) {
  Refusal refusal(error);
  if (error.code == Errc::tls_failed) {
    refusal.exit = Exit::try_later;
    refusal.text += " --ca FILE trusts the certificates in a file, --insecure trusts any.";
  }
  for (const std::string& line : transcript) append(refusal.text, "\n  ", printable(line));
  return refusal;
}

}  // namespace

Answer run_send(const cli::Invocation& invocation) {
  const SystemClock clock;
  MAIL_TRY(SendRequest request, make_send_request(invocation, clock));
  std::vector<std::string> transcript;
  const Result<SendResult> sent = send_message(request, clock, &transcript);
  password::wipe(request.password);
  if (!sent) return std::unexpected(send_refusal(sent.error(), transcript));
  std::string line;
  if (invocation.json) {
    line = json::to_string(json::Object{{"id", sent->id}, {"reply", sent->reply}}) + '\n';
  } else {
    line = concat("Accepted as ", sent->id.empty() ? std::string("?") : printable(sent->id), ": ",
                  printable(sent->reply), '\n');
  }
  std::fwrite(line.data(), 1, line.size(), stdout);
  return {};
}

std::expected<std::string, Refusal> read_password_line(int descriptor) {
  std::string line;
  for (;;) {
    char c = 0;
    const ssize_t got = ::read(descriptor, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || c == '\n') break;
    line += c;
    if (line.size() > kMaxPassword) {
      password::wipe(line);
      return refuse(Exit::bad_data, "The password is over 1024 bytes.");
    }
  }
  if (line.ends_with('\r')) line.pop_back();
  if (!line.empty()) return line;
  return refuse(Exit::bad_data,
                "The password is empty: standard input has to begin with a line that is one.");
}

}  // namespace mail::ctl
