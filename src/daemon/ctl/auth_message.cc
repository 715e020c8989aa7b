#include "daemon/ctl/auth_message.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "codec/message/header_block.h"
#include "daemon/ctl/text_table.h"

namespace mail::ctl::auth {
namespace {

// More than any header may have, with a line end of two octets for each of one.
constexpr std::size_t kHead = 2 * message::HeaderLimits{}.max_bytes;
constexpr std::size_t kPiece = std::size_t{64} << 10;

std::unexpected<Refusal> cannot(std::string_view what, const std::string& name, int error) {
  return refuse(Exit::no_input, concat("cannot ", what, ' ', printable(name), ": ",
                                       std::generic_category().message(error), '.'));
}

// Bare LF becomes CRLF; what has CRLF stays. Pieces may be cut anywhere.
class LineEnds {
 public:
  // `text` in the form of SMTP; it lives until the next call.
  std::string_view read(std::string_view text) {
    out_.clear();
    while (!text.empty()) {
      const std::size_t lf = std::min(text.find('\n'), text.size());
      if (lf > 0) after_cr_ = text[lf - 1] == '\r';
      out_.append(text.substr(0, lf));
      if (lf == text.size()) break;
      if (!first_was_bare_) first_was_bare_ = !after_cr_;
      out_.append(after_cr_ ? "\n" : "\r\n");
      after_cr_ = false;
      text.remove_prefix(lf + 1);
    }
    return out_;
  }
  bool first_was_bare() const { return first_was_bare_.value_or(false); }

 private:
  std::string out_;
  bool after_cr_ = false;
  std::optional<bool> first_was_bare_;
};

Expected<void> copy(int from, int to, const std::string& name) {
  std::array<char, kPiece> piece;
  for (;;) {
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", name, errno);
    if (got == 0) return {};
    for (ssize_t done = 0; done < got;) {
      const ssize_t written =
          ::write(to, piece.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0 && errno != EINTR) return cannot("keep a copy of", name, errno);
      done += std::max<ssize_t>(written, 0);
    }
  }
}

}  // namespace

Expected<MessageFile> MessageFile::open(const std::string& name) {
  os::Fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return cannot("open", name, errno);
  if (::lseek(file.get(), 0, SEEK_CUR) < 0) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> made(std::tmpfile(), &std::fclose);
    os::Fd plain(made == nullptr ? -1 : ::dup(::fileno(made.get())));
    if (!plain.open()) return cannot("keep a copy of", name, errno);
    MAIL_TRY(copy(file.get(), plain.get(), name));
    std::swap(file, plain);
  }
  MessageFile message(name, std::move(file));
  MAIL_TRY(message.read_header());
  return message;
}

Expected<void> MessageFile::read_header() {
  LineEnds ends;
  std::string head;
  MAIL_TRY(octets(kHead, [&](std::string_view piece) { head.append(ends.read(piece)); }));
  bare_lf_ = ends.first_was_bare();
  const auto scan = message::scan_header_block(head);
  if (!scan) {
    return refuse(Exit::bad_data, concat(printable(name_), ": ", scan.error().detail,
                                         ". Over 5,000 fields or 256 KiB of them are refused at "
                                         "the door too, with 552 5.3.4."));
  }
  header_ = head.substr(0, scan->size);
  if (header_.find(':') != std::string::npos) return {};
  return refuse(
      Exit::bad_data,
      concat(printable(name_), " does not begin with a header field: is it a message (RFC 5322)?"));
}

Expected<void> MessageFile::body(const Take& take) const {
  LineEnds ends;
  std::size_t header = header_.size();
  return octets([&](std::string_view piece) {
    std::string_view text = ends.read(piece);
    const std::size_t skipped = std::min(header, text.size());
    header -= skipped;
    text.remove_prefix(skipped);
    if (!text.empty()) take(text);
  });
}

Expected<void> MessageFile::octets(const Take& take) const {
  return octets(std::numeric_limits<std::uint64_t>::max(), take);
}

Expected<void> MessageFile::octets(std::uint64_t most, const Take& take) const {
  std::string piece(kPiece, '\0');
  for (std::uint64_t at = 0; at < most;) {
    const ssize_t got = ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", name_, errno);
    if (got == 0) break;
    take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace mail::ctl::auth
