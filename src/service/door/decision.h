// What becomes of a message for recipients with one mode, by what was learnt of it. The rules, in
// one place (security.md §3; draft-ietf-dmarc-dmarcbis-41 §7.4, §8):
//
//   observe   nothing is done but to write down what was found
//   junk      what fails goes to Junk, nothing is refused
//   balanced  a failed p=reject is refused when a second signal agrees (a blocklist, the score, or
//             neither an SPF pass nor ARC of a trusted forwarder), else it goes to Junk
//   enforce   a failed p=reject is refused
//
// A failed p=quarantine goes to Junk; a score over junk_score too, over reject_score it is refused
// (balanced, enforce). Where ARC of a trusted forwarder says that DMARC passed on its way there,
// DMARC did not fail. DNS trouble defers only what would be refused if the answer were bad; else
// the message is taken, tagged "temperror".
// Pure.
#pragma once

#include <string>
#include <vector>

#include "service/door/door_settings.h"
#include "service/policy/verdict.h"

namespace mail::door {

enum class Fate : std::uint8_t { inbox, junk, defer, refuse };

struct Decision {
  Fate fate = Fate::inbox;
  std::string reason;  // of all but inbox: a sentence for the log
  std::string reply;   // of defer and refuse: a sentence for the client
  std::string status;  // likewise
};

Decision decide(Mode mode, const Settings& settings, const Evidence& evidence);
// The score alone, for what is known before the message has come.
Decision decide_by_score(Mode mode, const Settings& settings, const Evidence& evidence);

// What is worth finding again, of a message that is taken: "dmarc=fail", "temperror", "no-author".
std::vector<std::string> tags_of(const Settings& settings, const Evidence& evidence);

// Whether DMARC failed for the author's domain, and nobody who is trusted says otherwise.
bool fails_dmarc(const Settings& settings, const mailauth::Findings& findings);
// Whether neither SPF nor DKIM says who sent it, and one of them failed.
bool is_unauthenticated(const mailauth::Findings& findings);

}  // namespace mail::door
