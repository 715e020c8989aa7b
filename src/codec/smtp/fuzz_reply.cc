// Replies at random cuts. The first byte seeds the cuts. Whatever comes: the same replies however
// it is cut, within the limits, printable, and a text that shows every line.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "codec/smtp/command.h"
#include "codec/smtp/extensions.h"
#include "codec/smtp/reply_parser.h"

namespace {

using namespace mail::smtp;

struct Outcome {
  std::string text;
  std::size_t replies = 0;
  ReplyParser::State state = ReplyParser::State::reading;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view input, std::uint32_t seed) {
  Outcome out;
  ReplyParser parser;
  while (!input.empty() && parser.state() == ReplyParser::State::reading) {
    std::size_t size = input.size();
    if (seed != 0) {
      seed = seed * 1664525U + 1013904223U;
      size = std::min<std::size_t>(size, 1 + (seed >> 16) % 40);
    }
    input.remove_prefix(parser.feed(input.substr(0, size)));
    if (parser.state() != ReplyParser::State::done) continue;
    const ServerReply reply = parser.take();
    MAIL_ASSERT(reply.code >= 200 && reply.code <= 599);
    MAIL_ASSERT(!reply.lines.empty() && reply.lines.size() <= kMaxReplyLines);
    for (const std::string& line : reply.lines) {
      MAIL_ASSERT(line.size() <= kMaxServerLine && !has_control(line));
    }
    const std::string_view enhanced = reply.enhanced();
    MAIL_ASSERT(enhanced.empty() || (enhanced.size() >= 5 && enhanced.size() <= 9));
    (void)parse_extensions(reply);
    out.text += reply.text() + '\n';
    ++out.replies;
  }
  out.state = parser.state();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  MAIL_ASSERT(parse(input, 0) == parse(input, 1U + data[0]));
  return 0;
}
