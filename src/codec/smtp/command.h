// SMTP command lines as values (RFC 5321 §4.1.1). Two steps, because the order of the rules asks
// for it: what may not be said now is refused before its arguments are looked at. Pure. Views in
// the values point into the line given and die with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/idn.h"
#include "codec/address/address.h"
#include "codec/envelope/options.h"

namespace mail::smtp {

inline constexpr std::size_t kMaxCommandLine = 2048;  // without CRLF; RFC 5321 §4.5.3.1.4 asks 512
inline constexpr std::size_t kMaxAuthLine = 12288;    // RFC 4954 §4

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  starttls,
  auth,
  vrfy,
  expn,
  help,
  http,  // GET, POST, ...: a browser or a proxy is being abused to talk to us
  unknown,
};
inline constexpr std::size_t kVerbCount = 16;
std::string_view to_string(Verb verb);  // "MAIL"

struct CommandLine {
  Verb verb = Verb::unknown;
  std::string_view argument;  // behind the verb, without white space at both ends
};

// `line` comes without CRLF. Never fails: what is no command is `unknown`.
CommandLine parse_command(std::string_view line);
// NUL and other controls but HTAB (security.md §3). Bytes above 127 are none.
bool has_control(std::string_view text);

enum class SyntaxFault : std::uint8_t {
  arguments,          // not the shape of this command: 501 5.5.4
  path,               // 501 5.1.7 or 501 5.1.3
  unknown_parameter,  // 555 5.5.4 (RFC 5321 §4.1.1.11)
  parameter,          // a known one with a bad value, or twice: 501 5.5.4
  priority,           // the same of MT-PRIORITY: 501 5.5.2 (RFC 6710 §4.1)
  not_ascii,          // an address beyond ASCII without SMTPUTF8: 550 or 553 5.6.7 (RFC 6531 §3.5)
};

// Whose parameters are known now: those of the keywords offered (RFC 5321 §4.1.1.11).
struct Parameters {
  bool size = false;
  bool eight_bit_mime = false;
  bool binarymime = false;
  bool body = false;  // one of the two before
  bool smtputf8 = false;
  bool auth = false;
  bool dsn = false;
  bool requiretls = false;
  bool futurerelease = false;
  bool deliverby = false;
  bool mt_priority = false;
};

struct By {  // RFC 2852 §4
  std::chrono::seconds time{};
  DeliverBy::Mode mode = DeliverBy::Mode::notify;
  bool trace = false;
};

struct MailFrom {
  ReversePath path;                   // empty for bounces: "<>" (RFC 5321 §4.5.5)
  std::optional<std::uint64_t> size;  // RFC 1870
  MailOptions options;                // but for its times, which `hold` and `by` make
  std::optional<std::variant<std::chrono::seconds, WallTime>> hold;  // RFC 4865 §3
  std::optional<By> by;
  // AUTH= decoded; "<>" as such (RFC 4954 §5). Nobody trusts it; it has to parse.
  std::optional<std::string> auth;
};
struct RcptTo {
  Mailbox mailbox;
  Notify notify;
  std::string original;  // ORCPT, decoded
};
struct BdatChunk {
  std::uint64_t size = 0;  // octets that follow the command line
  bool last = false;
};
struct AuthStart {
  std::string_view mechanism;
  std::optional<std::string_view> initial;  // base64, not decoded; "=" stands for none at all
};

// `idn` is for addresses beyond ASCII; without it their domains are a fault of the path.
std::expected<MailFrom, SyntaxFault> parse_mail(std::string_view argument, const Parameters& known,
                                                const Idn* idn = nullptr);
// `smtputf8`: it was on MAIL.
std::expected<RcptTo, SyntaxFault> parse_rcpt(std::string_view argument, const Parameters& known,
                                              bool smtputf8, const Idn* idn = nullptr);
std::expected<BdatChunk, SyntaxFault> parse_bdat(std::string_view argument);
std::expected<AuthStart, SyntaxFault> parse_auth(std::string_view argument);
// HELO and EHLO: one word of printable ASCII, at most 255 octets. Not held to be a domain: clients
// send what they are called, and it proves nothing.
std::expected<std::string_view, SyntaxFault> parse_helo(std::string_view argument);

}  // namespace mail::smtp
