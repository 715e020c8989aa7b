#include "codec/smtp/extensions.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace mail::smtp {

namespace {

struct Keyword {
  std::string_view name;
  bool Extensions::* flag;
};
constexpr auto kKeywords = std::to_array<Keyword>({
    {"PIPELINING", &Extensions::pipelining},
    {"8BITMIME", &Extensions::eight_bit_mime},
    {"CHUNKING", &Extensions::chunking},
    {"BINARYMIME", &Extensions::binary_mime},
    {"SMTPUTF8", &Extensions::smtputf8},
    {"DSN", &Extensions::dsn},
    {"STARTTLS", &Extensions::starttls},
    {"REQUIRETLS", &Extensions::require_tls},
    {"MT-PRIORITY", &Extensions::mt_priority},
    {"DELIVERBY", &Extensions::deliver_by},
    {"SIZE", &Extensions::size},
});

std::string upper(std::string_view word) {
  std::string out(word);
  std::ranges::transform(out, out.begin(), ascii_upper);
  return out;
}

void take_limit(std::string_view word, Extensions& out) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return;
  const auto value = parse_number(word.substr(equals + 1));
  if (!value || *value == 0) return;  // none of ours makes sense with it
  const std::string_view name = word.substr(0, equals);
  if (iequals(name, "MAILMAX")) out.max_mails = value;
  if (iequals(name, "RCPTMAX")) out.max_recipients = value;
  if (iequals(name, "RCPTDOMAINMAX")) out.max_domains = value;
}

void take_keyword(std::string_view line, Extensions& out) {
  const auto words = split(trim(line), ' ');
  const std::string_view keyword = words.front();
  for (const Keyword& each : kKeywords) {
    if (iequals(keyword, each.name)) out.*each.flag = true;
  }
  if (iequals(keyword, "AUTH")) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!words[i].empty()) out.mechanisms.push_back(upper(words[i]));
    }
  } else if (iequals(keyword, "SIZE")) {
    const auto limit = words.size() > 1 ? parse_number(words[1]) : std::nullopt;
    if (limit && *limit > 0) out.max_size = limit;  // RFC 1870 §4: 0 is no fixed limit
  } else if (iequals(keyword, "DELIVERBY") && words.size() > 1) {
    // RFC 2852 §2: at most nine digits, and a list behind them.
    const auto least = parse_number(words[1].substr(0, words[1].find(',')));
    if (least && *least < 1'000'000'000) out.least_by = static_cast<std::int64_t>(*least);
  } else if (iequals(keyword, "LIMITS")) {
    for (std::size_t i = 1; i < words.size(); ++i) take_limit(words[i], out);
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
