// What became of one attempt at a delivery: what a sender hands to the store when it is over.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace mail {

struct Outcome {
  enum class Result : std::uint8_t { delivered, deferred, bounced, expired };
  MessageId message;
  std::string recipient;
  Result result = Result::deferred;
  std::string reply;  // the next hop's words, or ours when there was no answer
  WallTime at;
  WallTime next_attempt;  // deferred only
};

}  // namespace mail
