#include "codec/message/mime.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail::message {
namespace {

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 §5.1.1

std::string_view without_blanks_behind(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  return line;
}

void read_header(MimePart& part, std::string_view content) {
  HeaderScanner scanner(content);
  HeaderField field;
  while (scanner.next(&field)) {
    if (iequals(field.name, "Content-Type") && part.type.value.empty()) {
      part.type = parse_parameter_field(field.value);
    } else if (iequals(field.name, "Content-Disposition") && part.disposition.value.empty()) {
      part.disposition = parse_parameter_field(field.value);
    } else if (iequals(field.name, "Content-Transfer-Encoding") && part.encoding.empty()) {
      part.encoding = parse_parameter_field(field.value).value;
    }
  }
  part.header = content.substr(0, scanner.size());
  part.body = content.substr(scanner.size());
  if (part.type.value.empty()) part.type.value = "text/plain";
}

class MimeScan {
 public:
  MimeScan(std::string_view content, MimeLimits limits) : content_(content), limits_(limits) {}

  std::vector<MimePart> run() {
    open_part(0, 0, 0);
    while (at_ < content_.size()) {
      const std::size_t end = content_.find("\r\n", at_);
      const std::size_t line_end = end == std::string_view::npos ? content_.size() : end;
      const std::size_t next = end == std::string_view::npos ? content_.size() : end + 2;
      const std::string_view line = content_.substr(at_, line_end - at_);
      const std::size_t begin = std::exchange(at_, next);
      if (line.starts_with("--") && !open_.empty()) on_delimiter(line.substr(2), begin);
    }
    return std::move(parts_);
  }

 private:
  struct Multipart {
    std::uint32_t part;
    std::uint32_t child = 0;  // the one that is open; 0: none
    std::string boundary;
  };

  void open_part(std::size_t begin, std::uint32_t depth, std::uint32_t parent) {
    MimePart part;
    read_header(part, content_.substr(begin));
    part.depth = depth;
    part.parent = parent;
    const auto index = static_cast<std::uint32_t>(parts_.size());
    at_ = begin + part.header.size();
    std::string boundary(part.type.parameter("boundary"));
    const bool opens = part.type.value.starts_with("multipart/") && !boundary.empty() &&
                       boundary.size() <= kMaxBoundary && depth < limits_.max_depth;
    parts_.push_back(std::move(part));
    // One boundary within another of the same text never comes up: the outer one ends it first.
    if (!opens || by_boundary_.contains(boundary)) return;
    by_boundary_.emplace(boundary, open_.size());
    open_.push_back({index, 0, std::move(boundary)});
  }

  // `text` is what stands behind "--"; both a delimiter and the closing one may have blanks behind.
  void on_delimiter(std::string_view text, std::size_t begin) {
    text = without_blanks_behind(text);
    auto found = by_boundary_.find(std::string(text.substr(0, kMaxBoundary + 2)));
    const bool closing = found == by_boundary_.end() && text.ends_with("--");
    if (closing) {
      text.remove_suffix(2);
      found = by_boundary_.find(std::string(text.substr(0, kMaxBoundary + 2)));
    }
    if (found == by_boundary_.end()) return;
    const std::size_t level = found->second;
    end_parts(level, begin);
    if (closing) {
      close_to(level);
    } else if (parts_.size() < limits_.max_parts) {
      const std::uint32_t parent = open_[level].part;
      open_[level].child = static_cast<std::uint32_t>(parts_.size());
      open_part(at_, parts_[parent].depth + 1, parent);
    }
  }

  // All that is open within the multipart at `level` ends before the line at `begin`.
  void end_parts(std::size_t level, std::size_t begin) {
    close_to(level + 1);
    const std::uint32_t child = std::exchange(open_[level].child, 0);
    if (child == 0) return;
    for (std::size_t part = child; part < parts_.size(); ++part) cut(parts_[part], begin);
  }
  void close_to(std::size_t level) {
    for (; open_.size() > level; open_.pop_back()) by_boundary_.erase(open_.back().boundary);
  }
  // The CRLF before a delimiter belongs to it (RFC 2046 §5.1.1), also when it ends a header.
  void cut(MimePart& part, std::size_t end) const {
    const auto body = static_cast<std::size_t>(part.body.data() - content_.data());
    const std::size_t last = end - 2;
    if (body + part.body.size() <= last) return;
    part.body = content_.substr(std::min(body, last), last - std::min(body, last));
  }

  std::string_view content_;
  MimeLimits limits_;
  std::size_t at_ = 0;
  std::vector<MimePart> parts_;
  std::vector<Multipart> open_;
  std::unordered_map<std::string, std::size_t> by_boundary_;
};

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// RFC 2045 §6.8: all other characters are ignored.
std::string decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int digit = base64_digit(c);
    if (digit < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> held & 0xFF));
    }
  }
  return out;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 2045 §6.7: blanks at the end of a line were added on the way; "=" there is a soft break.
std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    std::string_view line = without_blanks_behind(text.substr(0, end));
    const bool soft = line.ends_with('=');
    if (soft) line.remove_suffix(1);
    for (std::size_t at = 0; at < line.size(); ++at) {
      const bool escape = line[at] == '=' && at + 2 < line.size();
      const int high = escape ? hex_digit(line[at + 1]) : -1;
      const int low = escape ? hex_digit(line[at + 2]) : -1;
      if (high >= 0 && low >= 0) {
        out.push_back(static_cast<char>(high * 16 + low));
        at += 2;
      } else {
        out.push_back(line[at]);
      }
    }
    if (end == std::string_view::npos) break;
    if (!soft) out.append("\r\n");
    text.remove_prefix(end + 2);
  }
  return out;
}

}  // namespace

std::vector<MimePart> parse_mime(std::string_view content, MimeLimits limits) {
  return MimeScan(content, limits).run();
}

std::string decode_body(const MimePart& part) {
  if (part.encoding == "base64") return decode_base64(part.body);
  if (part.encoding == "quoted-printable") return decode_quoted_printable(part.body);
  return std::string(part.body);
}

}  // namespace mail::message
