// Tests only: dialogue files as values; the format is described in tests/dialogs/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/smtp/listener.h"

namespace mail::smtp {

struct DialogStep {
  enum class Kind : std::uint8_t {
    send,
    expect,
    some_line,
    no_line,
    closed,
    tls,
    fresh,
    wait,
    shut_down
  };
  Kind kind = Kind::send;
  std::string text;  // bytes to send, pattern to expect, seconds to wait
  int line = 0;      // in the file
};

struct Dialog {
  std::string name;  // path below tests/dialogs/smtp, without ".dialog"
  SmtpListener listener;
  bool relay_peer = false;
  bool together = false;
  bool only_pure = false;
  bool certificate_broken = false;
  bool cram_md5 = false;
  std::vector<DialogStep> steps;
};

Result<Dialog> parse_dialog(std::string name, std::string_view text);
// All files below `folder`, by name. A file that does not parse ends the test program.
std::vector<Dialog> load_dialogs(const std::string& folder);

// Groups put together where RFC 2920 §3.1 lets a client do so.
Dialog pipelined(const Dialog& dialog);

}  // namespace mail::smtp
