// What MAIL and RCPT may say behind the address (RFC 5321 §4.1.1.11), one row a keyword.
// Pure. Used by command.cc alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/smtp/command.h"

namespace mail::smtp {

// Which keywords of a command came already: each may come once.
using Seen = std::uint32_t;

// One esmtp-param, "SIZE=1234". Nothing: it was fine.
std::optional<SyntaxFault> take_mail_parameter(std::string_view word, const Parameters& known,
                                               const Idn* idn, Seen& seen, MailFrom& mail);
std::optional<SyntaxFault> take_rcpt_parameter(std::string_view word, const Parameters& known,
                                               bool smtputf8, Seen& seen, RcptTo& rcpt);

}  // namespace mail::smtp
