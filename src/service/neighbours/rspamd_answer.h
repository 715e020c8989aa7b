// What rspamd says of a message: the JSON of /checkv2, read.
// Pure. Fails with bad_syntax, or unavailable where rspamd tells of an error of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/policy/header_change.h"

namespace mail {

struct RspamdAnswer {
  enum class Action : std::uint8_t {
    none,  // "no action", and "greylist": see rspamd_judge.h
    add_header,
    rewrite_subject,
    soft_reject,
    reject,
    quarantine,
    discard,
  };
  Action action = Action::none;
  std::string word;     // the action as rspamd names it
  double score = 0;     // in the points of service/door: rspamd's own limit for "reject" is 10
  std::string message;  // for the client, one line of printable ASCII; may be empty
  std::string subject;  // of rewrite_subject
  std::vector<HeaderChange> changes;
};

Result<RspamdAnswer> parse_rspamd_answer(std::string_view text);

}  // namespace mail
