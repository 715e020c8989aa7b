#include "codec/message/trace.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "codec/address/utf8.h"

namespace mail::message {
namespace {

constexpr std::size_t kMaxWord = 255;
constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Text whose every octet that is not `plain` becomes a question mark.
template <typename Plain>
void append_filtered(std::string& out, std::string_view text, const Plain& plain) {
  std::size_t at = out.size();
  out.append(text);
  for (; at < out.size(); ++at) {
    if (!plain(out[at])) out[at] = '?';
  }
}
// What a client says of itself is kept to the characters of domains and literals, so that it can
// neither end the clause nor open a comment.
void append_host(std::string& out, std::string_view host) {
  append_filtered(out, host.substr(0, kMaxWord), [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}
// Printable ASCII and whole characters of UTF-8.
void append_printable(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const bool plain = text.front() >= ' ' && text.front() <= '~';
    const std::size_t character = plain ? 1 : utf8_character(text);
    if (character == 0) {
      out.push_back('?');
    } else {
      out.append(text.substr(0, character));
    }
    text.remove_prefix(std::max(character, std::size_t{1}));
  }
}
void append_comment(std::string& out, std::string_view text) {
  out.push_back('(');
  append_filtered(out, text.substr(0, kMaxWord),
                  [](char c) { return c >= ' ' && c <= '~' && c != '(' && c != ')' && c != '\\'; });
  out.push_back(')');
}

// Digits with leading zeros.
void append_padded(std::string& out, unsigned value, int digits) {
  for (unsigned unit = digits == 4 ? 1000 : digits == 3 ? 100 : 10; unit > 0; unit /= 10) {
    out.push_back(static_cast<char>('0' + value / unit % 10));
  }
}
void append_time(std::string& out, std::chrono::milliseconds since_midnight) {
  const auto seconds = static_cast<unsigned>(since_midnight.count() / 1000);
  append_padded(out, seconds / 3600, 2);
  out.push_back(':');
  append_padded(out, seconds / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, seconds % 60, 2);
}

}  // namespace

void append_received(std::string& out, const ReceivedFacts& facts) {
  out.reserve(out.size() + 320);
  out.append("Received: from ");
  // RFC 5321 §4.4: the name given in EHLO and the address of the connection; both tell where a user
  // sits, so a masked field has neither.
  if (facts.client == nullptr) {
    out.append("unknown (client masked)");
  } else {
    append_host(out, facts.helo.empty() ? "unknown" : facts.helo);
    append(out, " (", facts.client->to_literal(), ')');
  }
  out.append("\r\n\tby ");
  append_host(out, facts.by);
  out.append(" with ");
  append_host(out, facts.protocol);  // RFC 3848
  if (!facts.tls.empty()) {
    out.append("\r\n\t");
    append_comment(out, facts.tls);
  }
  append(out, "\r\n\tid ", facts.id.text());
  if (facts.priority != 0) append(out, " priority ", facts.priority);
  if (!facts.recipient.empty()) {
    out.append("\r\n\tfor <");
    append_printable(out, facts.recipient);
    out.push_back('>');
  }
  out.append("; ");
  append_date(out, facts.at);
  out.append("\r\n");
}

void append_return_path(std::string& out, std::string_view reverse_path) {
  out.append("Return-Path: <");
  append_printable(out, reverse_path);
  out.append(">\r\n");
}

void append_delivered_to(std::string& out, std::string_view address) {
  out.append("Delivered-To: ");  // RFC 9228 §3
  append_printable(out, address);
  out.append("\r\n");
}

void append_date(std::string& out, WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  append(out, kDays[std::chrono::weekday(day).c_encoding()], ", ",
         static_cast<unsigned>(date.day()), ' ', kMonths[static_cast<unsigned>(date.month()) - 1],
         ' ');
  append_padded(out, static_cast<unsigned>(std::max(0, static_cast<int>(date.year()))), 4);
  out.push_back(' ');
  append_time(out, at - day);
  out.append(" +0000");
}

std::string iso_date(WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  std::string out;
  out.reserve(24);
  append_padded(out, static_cast<unsigned>(std::max(0, static_cast<int>(date.year()))), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_time(out, at - day);
  out.push_back('.');
  append_padded(out, static_cast<unsigned>((at - day).count() % 1000), 3);
  out.push_back('Z');
  return out;
}

}  // namespace mail::message
