// A reply that is not ours: what a next hop said, or what DNS says of it, on its way to our client
// (end-to-end mode). Made fit to be said: no control bytes, ASCII, bounded, with the enhanced codes
// we advertise. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/smtp/client_verdict.h"

namespace mail::smtp {

inline constexpr std::size_t kMaxPassedLines = 20;
inline constexpr std::size_t kMaxReplyLine = 512;  // RFC 5321 §4.5.3.1.5, CRLF included

struct PassedReply {
  std::uint16_t code = 451;        // 2yz, 4yz or 5yz
  std::vector<std::string> words;  // of each line, behind code and separator; at least one
  bool is_accepted() const { return code / 100 == 2; }
  bool is_permanent() const { return code / 100 == 5; }
};

// `verdict` is the hop's word (Cause::reply). Its 421 is about our connection to it, not about the
// client's to us, which goes on: it becomes 451.
PassedReply pass_on(const Verdict& verdict);
// 550, in the words of whoever knows why; `enhanced` is 5.y.z.
PassedReply refusal(std::string_view enhanced, std::string_view why);

void append_passed_reply(std::string& out, const PassedReply& reply);

}  // namespace mail::smtp
