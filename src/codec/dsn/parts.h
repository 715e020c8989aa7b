// The two parts of a notice that say what happened: to a person, and to a program (RFC 6522 §3).
// Both are plain content without MIME fields, with CRLF. Pure.
#pragma once

#include <string>

#include "codec/dsn/dsn.h"

namespace mail::dsn {

// The original's subject, for people: clean UTF-8; "" when it had none.
std::string subject_for_people(const Report& report);
// "Your message could not be delivered": what the notice is about, the worst first.
std::string headline(const Report& report);
// UTF-8 where a name or a subject is.
std::string text_part(const Report& report);

// RFC 3464 §2.1. ASCII unless the original was SMTPUTF8: only then the sender's programs know
// message/global-delivery-status (RFC 6533 §4.1).
std::string status_part(const Report& report);

}  // namespace mail::dsn
