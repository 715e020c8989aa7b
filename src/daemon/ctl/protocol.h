// The control protocol on state/ctl.sock: the client sends one JSON line, the server answers with
// frames: a JSON header line {"more":true,"bytes":N} and N raw bytes for standard output, then one
// last header line without bytes, {"more":false,"exit":0} or
// {"more":false,"exit":67,"error":"..."}. Pure. A line or frame over its limit is an error of the
// peer: too_large, bad_syntax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "daemon/ctl/exit_code.h"

namespace mail::ctl {

inline constexpr std::size_t kMaxRequestLine = std::size_t{256} << 10;
inline constexpr std::size_t kMaxHeaderLine = std::size_t{64} << 10;
inline constexpr std::size_t kMaxFrame = std::size_t{1} << 20;

// What one command asks for. The secret is a password: it travels in base64, for it may hold any
// bytes, and is never logged.
struct Request {
  std::string noun;
  std::string verb;
  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // "ADDRESS", "--owner"
  bool json = false;
  std::string secret;
  std::string asked_by;  // "uid 0": who is at the other end; set by the server, not on the wire

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
};
std::string to_line(const Request& request);  // ends in LF
Result<Request> parse_request(std::string_view line);

struct Header {
  bool more = false;      // false: the last one
  std::size_t bytes = 0;  // that follow it
  Exit exit = Exit::ok;   // of the last one
  std::string error;      // what to print to standard error
};
std::string to_line(const Header& header);
Result<Header> parse_header(std::string_view line);

}  // namespace mail::ctl
