#include "codec/smtp/parameters.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/envelope/date_time.h"
#include "codec/envelope/original_recipient.h"

namespace mail::smtp {
namespace {

using Fault = std::optional<SyntaxFault>;

constexpr std::size_t kMaxEnvid = 100;  // RFC 3461 §4.4

// RFC 5321 §4.1.2: esmtp-keyword ["=" esmtp-value].
struct Parameter {
  std::string_view keyword;
  std::string_view value;  // empty is a value of none of them
  bool valued = false;     // there is a "="
};

Parameter split_parameter(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return {word, {}, false};
  return {word.substr(0, equals), word.substr(equals + 1), true};
}

struct MailContext {
  const Parameters& known;
  const Idn* idn;
  MailFrom& mail;
};

Fault take_size(std::string_view value, MailContext& at) {
  const auto size = parse_number(value);
  if (value.size() > 20 || !size) return SyntaxFault::parameter;  // RFC 1870 §4: 1*20DIGIT
  at.mail.size = *size;
  return std::nullopt;
}

Fault take_body(std::string_view value, MailContext& at) {
  BodyType& body = at.mail.options.body;
  if (iequals(value, "8BITMIME")) {
    if (!at.known.eight_bit_mime) return SyntaxFault::unknown_parameter;
    body = BodyType::eight_bit_mime;
  } else if (iequals(value, "BINARYMIME")) {
    if (!at.known.binarymime) return SyntaxFault::unknown_parameter;
    body = BodyType::binary_mime;
  } else if (!iequals(value, "7BIT")) {
    return SyntaxFault::parameter;
  }
  return std::nullopt;
}

Fault take_auth(std::string_view value, MailContext& at) {
  auto identity = decode_xtext(value);
  if (!identity) return SyntaxFault::parameter;
  // RFC 4954 §5: a mailbox or "<>".
  if (*identity != "<>" && !Mailbox::parse(*identity, at.idn)) return SyntaxFault::parameter;
  at.mail.auth = *std::move(identity);
  return std::nullopt;
}

Fault take_ret(std::string_view value, MailContext& at) {
  if (!iequals(value, "FULL") && !iequals(value, "HDRS")) return SyntaxFault::parameter;
  at.mail.options.ret = iequals(value, "FULL") ? Ret::full : Ret::headers;
  return std::nullopt;
}

Fault take_envid(std::string_view value, MailContext& at) {
  auto envid = decode_xtext(value);
  const bool good = envid && !value.empty() && value.size() <= kMaxEnvid && is_ascii(*envid);
  if (!good) return SyntaxFault::parameter;
  at.mail.options.envid = *std::move(envid);
  return std::nullopt;
}

// RFC 4865 §3: 1 to 999999999 seconds, without leading zeros.
Fault take_hold_for(std::string_view value, MailContext& at) {
  const auto number = parse_number(value);
  const bool good = number && value.size() <= 9 && value.front() != '0';
  if (at.mail.hold || !good) return SyntaxFault::parameter;
  at.mail.hold = std::chrono::seconds(*number);
  at.mail.options.hold = concat("for;", value);
  return std::nullopt;
}

Fault take_hold_until(std::string_view value, MailContext& at) {
  const auto until = parse_date_time(value);
  if (at.mail.hold || !until) return SyntaxFault::parameter;
  at.mail.hold = *until;
  at.mail.options.hold = concat("until;", value);
  return std::nullopt;
}

// RFC 2852 §4: ["-" / "+"] 1*9digit ";" ("N" / "R") ["T"].
Fault take_by(std::string_view value, MailContext& at) {
  const std::size_t semicolon = std::min(value.find(';'), value.size());
  std::string_view digits = value.substr(0, semicolon);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto number = parse_number(digits);
  const std::string mode = to_lower(value.substr(std::min(semicolon + 1, value.size())));
  const bool known = mode == "n" || mode == "nt" || mode == "r" || mode == "rt";
  if (!number || digits.size() > 9 || !known) return SyntaxFault::parameter;
  By by{std::chrono::seconds(*number) * (negative ? -1 : 1),
        mode[0] == 'r' ? DeliverBy::Mode::return_ : DeliverBy::Mode::notify, mode.size() == 2};
  if (by.mode == DeliverBy::Mode::return_ && by.time <= std::chrono::seconds(0)) {
    return SyntaxFault::parameter;
  }
  at.mail.by = by;
  return std::nullopt;
}

// RFC 6710 §7: (["-"] NZDIGIT) / "0".
Fault take_priority(std::string_view value, MailContext& at) {
  const bool negative = value.starts_with('-');
  const std::string_view digit = value.substr(negative ? 1 : 0);
  if (digit.size() != 1 || !is_digit(digit[0]) || (negative && digit == "0")) {
    return SyntaxFault::priority;
  }
  const int priority = digit[0] - '0';
  at.mail.options.priority = static_cast<std::int8_t>(negative ? -priority : priority);
  return std::nullopt;
}

Fault take_smtputf8(std::string_view, MailContext& at) {
  at.mail.options.smtputf8 = true;
  return std::nullopt;
}
Fault take_requiretls(std::string_view, MailContext& at) {
  at.mail.options.require_tls = true;
  return std::nullopt;
}

struct MailRow {
  std::string_view keyword;
  bool Parameters::* offered;
  Fault (*take)(std::string_view value, MailContext& at);
  bool valued = true;
};
constexpr auto kMailRows = std::to_array<MailRow>({
    {"SIZE", &Parameters::size, take_size},
    {"BODY", &Parameters::body, take_body},
    {"SMTPUTF8", &Parameters::smtputf8, take_smtputf8, false},  // RFC 6531 §3.4: no value
    {"AUTH", &Parameters::auth, take_auth},
    {"RET", &Parameters::dsn, take_ret},
    {"ENVID", &Parameters::dsn, take_envid},
    {"REQUIRETLS", &Parameters::requiretls, take_requiretls, false},  // RFC 8689 §2: no value
    {"HOLDFOR", &Parameters::futurerelease, take_hold_for},
    {"HOLDUNTIL", &Parameters::futurerelease, take_hold_until},
    {"BY", &Parameters::deliverby, take_by},
    {"MT-PRIORITY", &Parameters::mt_priority, take_priority},
});

// RFC 3461 §4.1: NEVER alone, or a list of the others.
Fault take_notify(std::string_view value, RcptTo& rcpt) {
  Notify notify{.said = true};
  if (iequals(value, "NEVER")) {
    rcpt.notify = notify;
    return std::nullopt;
  }
  for (const std::string_view element : split(value, ',')) {
    if (iequals(element, "SUCCESS")) {
      notify.success = true;
    } else if (iequals(element, "FAILURE")) {
      notify.failure = true;
    } else if (iequals(element, "DELAY")) {
      notify.delay = true;
    } else {
      return SyntaxFault::parameter;
    }
  }
  rcpt.notify = notify;
  return std::nullopt;
}

// True the first time.
bool first(Seen& seen, std::size_t row) {
  const Seen bit = Seen{1} << row;
  return (std::exchange(seen, seen | bit) & bit) == 0;
}

}  // namespace

Fault take_mail_parameter(std::string_view word, const Parameters& known, const Idn* idn,
                          Seen& seen, MailFrom& mail) {
  const Parameter parameter = split_parameter(word);
  for (const MailRow& row : kMailRows) {
    if (!iequals(parameter.keyword, row.keyword)) continue;
    if (!(known.*row.offered)) return SyntaxFault::unknown_parameter;
    const bool once = first(seen, static_cast<std::size_t>(&row - kMailRows.data()));
    if (!once || parameter.valued != row.valued) {
      // RFC 6710 §4.1 has a code of its own.
      return row.take == take_priority ? SyntaxFault::priority : SyntaxFault::parameter;
    }
    MailContext context{known, idn, mail};
    return row.take(parameter.value, context);
  }
  return SyntaxFault::unknown_parameter;
}

Fault take_rcpt_parameter(std::string_view word, const Parameters& known, bool smtputf8, Seen& seen,
                          RcptTo& rcpt) {
  const Parameter parameter = split_parameter(word);
  const bool notify = iequals(parameter.keyword, "NOTIFY");
  if (!known.dsn || (!notify && !iequals(parameter.keyword, "ORCPT"))) {
    return SyntaxFault::unknown_parameter;
  }
  // RFC 3461 §4.5: each at most once.
  if (!first(seen, notify ? 0 : 1) || parameter.value.empty()) return SyntaxFault::parameter;
  if (notify) return take_notify(parameter.value, rcpt);
  auto original = parse_original_recipient(parameter.value, smtputf8);
  if (!original) return SyntaxFault::parameter;
  rcpt.original = *std::move(original);
  return std::nullopt;
}

}  // namespace mail::smtp
