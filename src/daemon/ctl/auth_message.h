// A message in a file, as it would come by SMTP: LF at the end of its lines is read as CRLF. The
// header is held, the body is read piece by piece as often as it is wanted, so memory does not grow
// with the message. What is no plain file (a pipe) is copied to one first. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/ctl/exit_code.h"
#include "platform/os/file.h"

namespace mail::ctl::auth {

template <typename T>
using Expected = std::expected<T, Refusal>;

class MessageFile {
 public:
  using Take = std::function<void(std::string_view piece)>;

  static Expected<MessageFile> open(const std::string& name);

  std::string_view header() const { return header_; }  // the empty line included, with CRLF
  // Behind the header, with CRLF.
  Expected<void> body(const Take& take) const;
  // All of it as it stands in the file, and how its lines end.
  Expected<void> octets(const Take& take) const;
  bool bare_lf() const { return bare_lf_; }

 private:
  MessageFile(std::string name, os::Fd file) : name_(std::move(name)), file_(std::move(file)) {}
  Expected<void> read_header();
  // At most so many from the first.
  Expected<void> octets(std::uint64_t most, const Take& take) const;

  std::string name_;
  os::Fd file_;
  std::string header_;
  bool bare_lf_ = false;
};

}  // namespace mail::ctl::auth
