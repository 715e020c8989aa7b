#include "codec/smtp/dot_encoder.h"

#include <algorithm>

#include "codec/smtp/line_ends.h"

namespace mail::smtp {

void DotEncoder::feed(std::string_view content, std::string* wire) {
  if (content.empty()) return;
  if (state_ == State::cr) {  // it was held back to see whether its LF follows
    wire->append("\r\n");
    if (content.front() == '\n') content.remove_prefix(1);
    state_ = State::line_start;
  }
  const std::size_t clean = clean_lines(content);
  feed_clean_lines(content.substr(0, clean), wire);
  content.remove_prefix(clean);
  std::size_t lf = std::min(content.find('\n'), content.size());
  for (std::size_t at = 0; at < content.size();) {
    if (lf < at) lf = std::min(content.find('\n', at), content.size());
    const bool stuff = state_ == State::line_start && dots_ == Dots::stuffed;
    if (stuff && content[at] == '.') wire->push_back('.');
    const std::size_t cr = content.substr(at, lf - at).find('\r');
    const std::size_t end = cr == std::string_view::npos ? lf : at + cr;
    wire->append(content.substr(at, end - at));
    if (end == content.size()) {
      state_ = State::in_line;
      return;
    }
    if (end + 1 == content.size() && content[end] == '\r') {
      state_ = State::cr;
      return;
    }
    wire->append("\r\n");
    state_ = State::line_start;
    at = end + (content.substr(end).starts_with("\r\n") ? 2 : 1);
  }
}

void DotEncoder::feed_clean_lines(std::string_view lines, std::string* wire) {
  if (lines.empty()) return;
  std::size_t dot = dots_ == Dots::stuffed ? lines.find('.') : std::string_view::npos;
  std::size_t begin = 0;
  for (; dot != std::string_view::npos; dot = lines.find('.', dot + 1)) {
    if (dot == 0 ? state_ != State::line_start : lines[dot - 1] != '\n') continue;
    wire->append(lines.substr(begin, dot - begin));
    wire->push_back('.');
    begin = dot;
  }
  wire->append(lines.substr(begin));
  state_ = State::line_start;
}

void DotEncoder::finish(std::string* wire) {
  if (state_ != State::line_start) wire->append("\r\n");
  if (dots_ == Dots::stuffed) wire->append(".\r\n");
}

std::string to_wire(std::string_view message) {
  std::string wire;
  wire.reserve(message.size() + message.size() / 32 + 8);
  DotEncoder encoder;
  encoder.feed(message, &wire);
  encoder.finish(&wire);
  return wire;
}

}  // namespace mail::smtp
