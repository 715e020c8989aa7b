// The HTTP that rspamd speaks (https://rspamd.com/doc/developers/protocol.html, RFC 9112): a
// request with the envelope in its fields and the message for a body, whole or in chunks; and the
// response, whose body is JSON. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mail::rspamd {

inline constexpr std::size_t kMaxResponse = std::size_t{4} << 20;

using Fields = std::vector<std::pair<std::string_view, std::string>>;

// `size`: octets of the message; nothing: it comes in chunks. Control characters of values go.
void append_request(std::string& out, const Fields& fields, std::optional<std::uint64_t> size);
void append_chunk(std::string& out, std::string_view piece);  // nothing where it is empty
void append_last_chunk(std::string& out);

// Collects a response however it is cut.
class ResponseReader {
 public:
  // Fails with bad_syntax, or unavailable for a status other than 200. True: it is
  // whole.
  Result<bool> consume(std::string_view bytes);
  // The connection has ended. Fails with closed unless the response was whole by that.
  Result<void> finish();
  std::string_view body() const { return std::string_view(bytes_).substr(body_at_, body_size_); }

 private:
  Result<void> read_head(std::string_view head);

  std::string bytes_;
  std::size_t body_at_ = 0;  // 0: the head is not whole
  std::size_t body_size_ = 0;
  std::optional<std::size_t> length_;  // nothing: the body ends with the connection
};

}  // namespace mail::rspamd
