// Status codes for people: what a code of RFC 3463 and its registry (RFC 5248) means, said to
// somebody who only wanted to send a letter. Pure.
#pragma once

#include <string>
#include <string_view>

#include "codec/dsn/dsn.h"

namespace mail::dsn {

struct Reason {
  std::string why;     // a sentence, "There is no mailbox of that name at yahoo.test."
  std::string advice;  // what the sender can do, a sentence
};

// The report's own status where it is one, else the one in the remote's words, else the general
// code for the class of the reply or of the action (RFC 3461 §6.3 g).
std::string status_of(const RecipientReport& report);

// `domain` is the recipient's, clean; "" where there is none.
Reason reason_of(std::string_view status, std::string_view domain);

}  // namespace mail::dsn
