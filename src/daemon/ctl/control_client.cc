#include "daemon/ctl/control_client.h"

#include <array>

#include "base/text.h"
#include "platform/net/connect.h"

namespace mail::ctl {
namespace {

constexpr std::chrono::seconds kConnectTime{10};
constexpr std::chrono::hours kAnswerTime{24};  // a check or backup of a large store takes its time

// Reads header lines and the bytes behind them.
class Reader {
 public:
  Reader(net::Stream& stream, MonoTime deadline) : stream_(stream), deadline_(deadline) {}

  Task<Result<Header>> header() {
    for (;;) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        const Result<Header> parsed = parse_header(std::string_view(buffer_).substr(0, end));
        buffer_.erase(0, end + 1);
        co_return parsed;
      }
      if (buffer_.size() > kMaxHeaderLine) co_return fail(Errc::too_large, "answer line too long");
      MAIL_CO_TRY(co_await fill());
    }
  }

  Task<Result<void>> pass_on(std::size_t bytes, const Sink& out) {
    while (bytes > 0) {
      if (buffer_.empty()) {
        MAIL_CO_TRY(co_await fill());
      }
      const std::size_t part = std::min(bytes, buffer_.size());
      MAIL_CO_TRY(out(std::string_view(buffer_).substr(0, part)));
      buffer_.erase(0, part);
      bytes -= part;
    }
    co_return Result<void>{};
  }

 private:
  Task<Result<void>> fill() {
    MAIL_CO_TRY(co_await stream_.readable(deadline_));
    MAIL_CO_TRY(const std::size_t got, stream_.read_some(scratch_));
    buffer_.append(scratch_.data(), got);
    co_return Result<void>{};
  }

  net::Stream& stream_;
  const MonoTime deadline_;
  std::string buffer_;
  std::array<char, 65536> scratch_{};
};

Task<Result<Answer>> converse(net::IoThread& thread, std::filesystem::path socket, std::string line,
                              const Sink& out) {
  const MonoTime now = thread.clock().mono_now();
  MAIL_CO_TRY(net::Stream stream, co_await net::connect_unix(thread, socket, now + kConnectTime));
  MAIL_CO_TRY(co_await stream.write_all(line, now + kConnectTime));
  Reader reader(stream, now + kAnswerTime);
  for (;;) {
    MAIL_CO_TRY(const Header header, co_await reader.header());
    if (!header.more) {
      if (header.exit == Exit::ok) co_return Answer{};
      co_return Answer(refuse(header.exit, header.error));
    }
    MAIL_CO_TRY(co_await reader.pass_on(header.bytes, out));
  }
}

}  // namespace

Result<Answer> call(const std::filesystem::path& socket, const Request& request, const Sink& out,
                    const Clock& clock) {
  const std::string line = to_line(request);
  if (line.size() > kMaxRequestLine) {
    return fail(Errc::too_large, "the command is too long for the control socket");
  }
  net::IoThread thread(clock);
  return net::run_task(thread, converse(thread, socket, line, out));
}

}  // namespace mail::ctl
