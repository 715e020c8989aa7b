#include "codec/smtp/reply_parser.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "base/text.h"

namespace mail::smtp {

namespace {

// RFC 3463 §2: one digit, then two numbers of one to three. Their length, or 0.
std::size_t number_length(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto length = static_cast<std::size_t>(end - text.begin());
  return length <= 3 ? length : 0;
}

// RFC 5321 §4.2: three digits, the first from 2 to 5, then the end, a space or a hyphen.
bool is_reply_line(std::string_view line) {
  return line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
         is_digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

// A reply ends up in logs, bounces and terminals.
void make_printable(std::string& line) {
  for (char& c : line) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '\t') {
      c = ' ';
    } else if (byte < 0x20 || byte == 0x7F) {
      c = '?';
    }
  }
}

}  // namespace

std::string_view words_of(std::string_view reply_line) {
  return reply_line.substr(std::min<std::size_t>(reply_line.size(), 4));
}

std::string_view ServerReply::enhanced() const {
  if (lines.empty() || kind() == 3) return {};
  const std::string_view words = words_of(lines.front());
  if (words.size() < 5 || words[0] != lines.front()[0] || words[1] != '.') return {};
  const std::size_t subject = number_length(words.substr(2));
  if (subject == 0 || words.size() <= 3 + subject || words[2 + subject] != '.') return {};
  const std::size_t detail = number_length(words.substr(3 + subject));
  const std::size_t end = 3 + subject + detail;
  if (detail == 0 || (end < words.size() && words[end] != ' ')) return {};
  return words.substr(0, end);
}

std::string ServerReply::text() const {
  std::string out;
  for (const std::string& line : lines) append(out, out.empty() ? "" : " / ", line);
  return out;
}

std::size_t ReplyParser::feed(std::string_view input) {
  std::size_t taken = 0;
  while (state_ == State::reading && taken < input.size()) {
    const std::string_view rest = input.substr(taken);
    const std::size_t lf = std::min(rest.find('\n'), rest.size());
    // One more than the limit: the CR of a line that is just not too long.
    if (line_.size() + lf > kMaxServerLine + 1) {
      state_ = State::too_large;
      break;
    }
    line_.append(rest.substr(0, lf));
    taken += std::min(lf + 1, rest.size());
    if (lf < rest.size()) on_line();
  }
  return taken;
}

// A bare LF ends a line too: servers do send it, and a reply has no second reader to be fooled.
void ReplyParser::on_line() {
  if (line_.ends_with('\r')) line_.pop_back();
  make_printable(line_);
  if (line_.size() > kMaxServerLine || reply_.lines.size() == kMaxReplyLines) {
    state_ = State::too_large;
    return;
  }
  // RFC 5321 §4.2.1: the code is the same on all lines; of another class it is not to be believed.
  if (!is_reply_line(line_) ||
      (!reply_.lines.empty() && reply_.lines.front().front() != line_.front())) {
    state_ = State::no_reply;
    return;
  }
  const bool last = line_.size() == 3 || line_[3] == ' ';
  if (last) {
    reply_.code = static_cast<std::uint16_t>((line_[0] - '0') * 100 + (line_[1] - '0') * 10 +
                                             (line_[2] - '0'));
    state_ = State::done;
  }
  reply_.lines.push_back(std::exchange(line_, {}));
}

ServerReply ReplyParser::take() {
  MAIL_ASSERT(state_ == State::done);
  state_ = State::reading;
  return std::exchange(reply_, {});
}

}  // namespace mail::smtp
