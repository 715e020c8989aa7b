#include "codec/rspamd/http.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/text.h"

namespace mail::rspamd {
namespace {

constexpr std::size_t kMaxHead = std::size_t{16} << 10;

}  // namespace

void append_request(std::string& out, const Fields& fields, std::optional<std::uint64_t> size) {
  append(out, "POST /checkv2 HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\n");
  if (size) {
    append(out, "Content-Length: ", *size, "\r\n");
  } else {
    append(out, "Transfer-Encoding: chunked\r\n");
  }
  for (const auto& [name, value] : fields) {
    append(out, name, ": ");
    // RFC 9110 §5.5: no value may end its line.
    std::ranges::copy_if(value, std::back_inserter(out),
                         [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
    append(out, "\r\n");
  }
  append(out, "\r\n");
}

void append_chunk(std::string& out, std::string_view piece) {
  if (piece.empty()) return;  // an empty one would be the last
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr;
  append(out, std::string_view(digits, end), "\r\n", piece, "\r\n");
}

void append_last_chunk(std::string& out) { append(out, "0\r\n\r\n"); }

Result<bool> ResponseReader::consume(std::string_view bytes) {
  if (bytes_.size() + bytes.size() > kMaxHead + kMaxResponse) {
    return fail(Errc::bad_syntax, "the response is over 4 MiB");
  }
  bytes_.append(bytes);
  if (body_at_ == 0) {
    const std::size_t end = bytes_.find("\r\n\r\n");
    if (std::min(end, bytes_.size()) > kMaxHead) {
      return fail(Errc::bad_syntax, "a response without its body");
    }
    if (end == std::string::npos) return false;
    MAIL_TRY(read_head(std::string_view(bytes_).substr(0, end)));
    body_at_ = end + 4;
  }
  body_size_ = bytes_.size() - body_at_;
  if (!length_ || body_size_ < *length_) return false;
  body_size_ = *length_;
  return true;
}

// RFC 9112 §4, §5.
Result<void> ResponseReader::read_head(std::string_view head) {
  std::string_view line = head.substr(0, head.find('\r'));
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') {
    return fail(Errc::bad_syntax, "no HTTP response");
  }
  const auto status = parse_number(line.substr(9, 3));
  if (!status) return fail(Errc::bad_syntax, "a response without a status");
  if (*status != 200) return fail(Errc::unavailable, concat("HTTP status ", *status));
  while (line.size() < head.size()) {
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    line = head.substr(0, head.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fail(Errc::bad_syntax, "a line that is no field");
    const std::string_view value = trim(line.substr(colon + 1));
    if (iequals(line.substr(0, colon), "Transfer-Encoding")) {
      return fail(Errc::bad_syntax, "a response in chunks, which rspamd never makes");
    }
    if (!iequals(line.substr(0, colon), "Content-Length")) continue;
    const auto length = parse_number(value);
    if (!length || (length_ && *length_ != *length)) {
      return fail(Errc::bad_syntax, "no one length of the response");
    }
    if (*length > kMaxResponse) return fail(Errc::bad_syntax, "the response is over 4 MiB");
    length_ = *length;
  }
  return {};
}

Result<void> ResponseReader::finish() {
  if (body_at_ == 0 || (length_ && body_size_ < *length_)) {
    return fail(Errc::closed, "the connection ended before the response");
  }
  return {};
}

}  // namespace mail::rspamd
