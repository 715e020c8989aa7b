#include "codec/smtp/extensions.h"

#include "base/text.h"

namespace mail::smtp {

namespace {

void take_mechanisms(const std::vector<std::string_view>& words, Extensions& out) {
  for (const std::string_view word : words) {
    out.auth_plain |= iequals(word, "PLAIN");
    out.auth_login |= iequals(word, "LOGIN");
  }
}

void take_keyword(std::string_view line, Extensions& out) {
  const auto words = split(trim(line), ' ');
  const std::string_view keyword = words.front();
  out.pipelining |= iequals(keyword, "PIPELINING");
  out.eight_bit_mime |= iequals(keyword, "8BITMIME");
  out.starttls |= iequals(keyword, "STARTTLS");
  if (iequals(keyword, "AUTH")) {
    take_mechanisms(words, out);
  } else if (iequals(keyword, "SIZE")) {
    out.size = true;
    const auto limit = words.size() > 1 ? parse_number(words[1]) : std::nullopt;
    if (limit && *limit > 0) out.max_size = limit;  // RFC 1870 §4: 0 is no fixed limit
  }
}

}  // namespace

Extensions parse_extensions(const ServerReply& ehlo_reply) {
  Extensions out;
  // The first line is the server's name and greeting.
  for (std::size_t i = 1; i < ehlo_reply.lines.size(); ++i) {
    take_keyword(words_of(ehlo_reply.lines[i]), out);
  }
  return out;
}

}  // namespace mail::smtp
