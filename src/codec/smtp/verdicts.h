// The answers a ServerSession gets to what it asks. Typed: the session words them with replies.h,
// so that the text of every reply stands in one catalogue. Only policy speaks for itself: what a
// judge says stands behind 550 (refused) or 451 (try_later) as PolicyWords.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace mail::smtp {

// "5.7.1 Listed by bl.example (0F3K...)": enhanced code and text, fit to be said; empty: the
// catalogue's words.
struct PolicyWords {
  std::string text;
};
// `text` may be anybody's: what is not printable ASCII becomes '?', and it is cut where the line
// would be longer than a reply may be (RFC 5321 §4.5.3.1.5). `trace` is what the log knows it by.
PolicyWords policy_words(std::string_view enhanced, std::string_view text, std::string_view trace);

enum class SenderVerdict : std::uint8_t {
  accept,
  not_owned,     // 550 5.7.1: neither owned by the login nor granted (RFC 6409 §6.1)
  refused,       // 550 5.7.1: policy
  storage_full,  // 452 4.3.1
  try_later,     // 451 4.3.0
  too_many,      // 421 4.7.0, close: the client's message rate
  too_fast,      // 450 4.7.1: the sender's message rate
};

enum class RecipientVerdict : std::uint8_t {
  accept,
  unknown_user,     // 550 5.1.1
  relay_denied,     // 550 5.7.1
  refused,          // 550 5.7.1: policy
  mailbox_full,     // 452 4.2.2
  try_later,        // 451 4.3.0
  too_many,         // 450 4.7.0: the account's recipients of this hour are used up
  flooded,          // 450 4.2.1: it gets more than its share
  harvesting,       // 450 4.7.1: this client asked for too many that do not exist
  elsewhere,        // end-to-end, 452 4.5.3: not to the hop of this transaction
  hop_unreachable,  // end-to-end, 451 4.4.1
  too_large,        // end-to-end, 552 5.3.4: the hop takes no message of the size declared
};

enum class LoginVerdict : std::uint8_t {
  accept,
  wrong,      // 535 5.7.8, whatever was wrong
  busy,       // 454 4.7.0
  throttled,  // 421 4.7.0, close
  malformed,  // 501 5.5.2: no exchange of this mechanism looks like that
};

// To AskSaslStep, as long as the exchange goes on: after base64.
struct SaslChallenge {
  std::string text;
};

// To AskLookup: whom VRFY verifies, or the members EXPN finds.
struct LookupVerdict {
  enum class Kind : std::uint8_t {
    found,      // 250 2.1.5, with the addresses
    ambiguous,  // 553 5.1.4, with the addresses it may mean
    unknown,    // 550 5.1.1
    elsewhere,  // VRFY: 252 2.5.0; EXPN: 550 5.2.4
    no_list,    // EXPN: 550 5.2.4
  };
  Kind kind = Kind::unknown;
  std::vector<std::string> addresses;
};

// To AskData. `trace_fields` (Received, ending in CRLF) begins the content, which grows in it.
struct DataVerdict {
  enum class Kind : std::uint8_t {
    accept,
    storage_full /* 452 4.3.1 */,
    try_later /* 451 4.3.0 */,
    no_eight_bit /* end-to-end, 554 5.6.3: declared, and the hop has no 8BITMIME */
  };
  Kind kind = Kind::accept;
  std::string trace_fields;
};

// To JudgeAndCommit.
struct CommitVerdict {
  enum class Kind : std::uint8_t {
    accepted,          // 250 2.0.0 <id>; only after the sync
    refused,           // 550 5.7.1: a judge said so
    several_from,      // mx: 550 5.6.0
    bad_from,          // submission: 554 5.6.0 (RFC 6409 §6.3)
    header_too_large,  // 552 5.3.4
    too_many_hops,     // 554 5.4.6 (RFC 5321 §6.3)
    storage_full,      // 452 4.3.1
    try_later,         // 451 4.3.0
    hop_unreachable,   // end-to-end, 451 4.4.1: the hop is gone
    hop_silent,        // end-to-end, 451 4.4.2: it did not answer to the end of data
  };
  Kind kind = Kind::try_later;
  MessageId id{};
  PolicyWords words{};
};

}  // namespace mail::smtp
