#include "codec/smtp/command.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "codec/smtp/parameters.h"

namespace mail::smtp {

namespace {

constexpr std::uint32_t packed(std::string_view word) {
  return (static_cast<std::uint32_t>(static_cast<std::uint8_t>(word[0])) << 24) |
         (static_cast<std::uint32_t>(static_cast<std::uint8_t>(word[1])) << 16) |
         (static_cast<std::uint32_t>(static_cast<std::uint8_t>(word[2])) << 8) |
         static_cast<std::uint32_t>(static_cast<std::uint8_t>(word[3]));
}

Verb verb_of_four(std::string_view word) {
  switch (packed(word) & 0xDFDFDFDF) {  // letters to upper case; others can not become letters'
    case packed("HELO"):
      return Verb::helo;
    case packed("EHLO"):
      return Verb::ehlo;
    case packed("MAIL"):
      return Verb::mail;
    case packed("RCPT"):
      return Verb::rcpt;
    case packed("DATA"):
      return Verb::data;
    case packed("BDAT"):
      return Verb::bdat;
    case packed("RSET"):
      return Verb::rset;
    case packed("NOOP"):
      return Verb::noop;
    case packed("QUIT"):
      return Verb::quit;
    case packed("AUTH"):
      return Verb::auth;
    case packed("VRFY"):
      return Verb::vrfy;
    case packed("EXPN"):
      return Verb::expn;
    case packed("HELP"):
      return Verb::help;
    case packed("POST"):
    case packed("HEAD"):
      return Verb::http;
    default:
      return Verb::unknown;
  }
}

Verb verb_of(std::string_view word) {
  if (!std::ranges::all_of(word, is_alpha)) return Verb::unknown;
  if (word.size() == 4) return verb_of_four(word);
  if (iequals(word, "STARTTLS")) return Verb::starttls;
  constexpr auto kHttp = std::to_array<std::string_view>(
      {"GET", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"});
  for (const std::string_view http : kHttp) {
    if (iequals(word, http)) return Verb::http;
  }
  return Verb::unknown;
}

// The next word of `text`, which is moved behind it.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// "FROM:" or "TO:" and the path behind it. Space before '<' is against RFC 5321 §3.3, and many send
// it; there is no second way to read it.
std::expected<ParsedPath, SyntaxFault> take_path(std::string_view argument,
                                                 std::string_view keyword, const Idn* idn) {
  if (!istarts_with(argument, keyword)) return std::unexpected(SyntaxFault::arguments);
  auto parsed = parse_path(trim(argument.substr(keyword.size())), idn);
  if (!parsed) return std::unexpected(SyntaxFault::path);
  if (!parsed->rest.empty() && parsed->rest.front() != ' ' && parsed->rest.front() != '\t') {
    return std::unexpected(SyntaxFault::path);
  }
  return *std::move(parsed);
}

}  // namespace

std::string_view to_string(Verb verb) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "STARTTLS", "AUTH",
       "VRFY", "EXPN", "HELP", "(HTTP)", "(unknown)"});
  static_assert(kNames.size() == kVerbCount);
  return kNames[static_cast<std::size_t>(verb)];
}

CommandLine parse_command(std::string_view line) {
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  // RFC 5321 §4.1.1: white space at the end of a line is tolerated.
  return {verb_of(line.substr(0, end)), trim(line.substr(end))};
}

bool has_control(std::string_view text) {
  bool found = false;  // no early exit: the loop is vectorised, and lines are short
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    found |= (byte < 0x20 && byte != '\t') || byte == 0x7F;
  }
  return found;
}

std::expected<MailFrom, SyntaxFault> parse_mail(std::string_view argument, const Parameters& known,
                                                const Idn* idn) {
  auto parsed = take_path(argument, "FROM:", idn);
  if (!parsed) return std::unexpected(parsed.error());
  MailFrom mail;
  mail.path = std::move(parsed->path);
  // "Postmaster" without a domain is for RCPT only (RFC 5321 §4.1.1.3).
  if (mail.path.mailbox && mail.path.mailbox->domain.empty()) {
    return std::unexpected(SyntaxFault::path);
  }
  Seen seen = 0;
  std::string_view rest = parsed->rest;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    const auto fault = take_mail_parameter(word, known, idn, seen, mail);
    if (fault) return std::unexpected(*fault);
  }
  if (!parsed->was_ascii && !mail.options.smtputf8) {
    return std::unexpected(SyntaxFault::not_ascii);
  }
  return mail;
}

std::expected<RcptTo, SyntaxFault> parse_rcpt(std::string_view argument, const Parameters& known,
                                              bool smtputf8, const Idn* idn) {
  auto parsed = take_path(argument, "TO:", idn);
  if (!parsed) return std::unexpected(parsed.error());
  std::optional<Mailbox> mailbox = std::move(parsed->path.mailbox);
  if (!mailbox) return std::unexpected(SyntaxFault::path);
  RcptTo rcpt{*std::move(mailbox), {}, {}};
  Seen seen = 0;
  std::string_view rest = parsed->rest;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    const auto fault = take_rcpt_parameter(word, known, smtputf8, seen, rcpt);
    if (fault) return std::unexpected(*fault);
  }
  if (!parsed->was_ascii && !smtputf8) return std::unexpected(SyntaxFault::not_ascii);
  return rcpt;
}

// RFC 3030 §2: 1*DIGIT and perhaps LAST.
std::expected<BdatChunk, SyntaxFault> parse_bdat(std::string_view argument) {
  const auto size = parse_number(take_word(argument));
  if (!size) return std::unexpected(SyntaxFault::arguments);
  const std::string_view marker = take_word(argument);
  const bool good = (marker.empty() || iequals(marker, "LAST")) && trim(argument).empty();
  if (!good) return std::unexpected(SyntaxFault::arguments);
  return BdatChunk{*size, !marker.empty()};
}

std::expected<AuthStart, SyntaxFault> parse_auth(std::string_view argument) {
  AuthStart auth;
  auth.mechanism = take_word(argument);
  if (auth.mechanism.empty()) return std::unexpected(SyntaxFault::arguments);
  if (const std::string_view initial = take_word(argument); !initial.empty()) {
    auth.initial = initial;
  }
  if (!trim(argument).empty()) return std::unexpected(SyntaxFault::arguments);
  return auth;
}

std::expected<std::string_view, SyntaxFault> parse_helo(std::string_view argument) {
  const bool good = !argument.empty() && argument.size() <= 255 &&
                    std::ranges::all_of(argument, [](char c) { return c > ' ' && c < 0x7F; });
  if (!good) return std::unexpected(SyntaxFault::arguments);
  return argument;
}

}  // namespace mail::smtp
