#include "daemon/ctl/control_server.h"

#include <unistd.h>

#include <array>

#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/commands.h"
#include "platform/password/password.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kMaxConnections = 512;
constexpr std::chrono::seconds kRequestTime{10};
constexpr std::chrono::minutes kWriteTime{10};  // somebody may read page by page

class StreamOutput final : public Output {
 public:
  StreamOutput(net::Stream& stream, const Clock& clock) : stream_(stream), clock_(clock) {}

  Task<Result<void>> write(std::string bytes) override {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, kMaxFrame);
      std::string frame = to_line(Header{true, part.size(), Exit::ok, {}});
      frame += part;
      MAIL_CO_TRY(co_await stream_.write_all(frame, clock_.mono_now() + kWriteTime));
      rest.remove_prefix(part.size());
    }
    co_return Result<void>{};
  }

 private:
  net::Stream& stream_;
  const Clock& clock_;
};

// The request line without its LF. What stands behind it is not read: one request a connection.
Task<Result<std::string>> read_line(net::Stream& stream, MonoTime deadline) {
  std::string line;
  std::array<char, 4096> buffer{};
  for (;;) {
    MAIL_CO_TRY(co_await stream.readable(deadline));
    MAIL_CO_TRY(const std::size_t got, stream.read_some(buffer));
    line.append(buffer.data(), got);
    const std::size_t end = line.find('\n');
    if (end != std::string::npos) {
      line.resize(end);
      co_return line;
    }
    if (line.size() > kMaxRequestLine) co_return fail(Errc::too_large, "request line too long");
  }
}

// "uid 0"; nothing where the peer may not administer.
std::optional<std::string> administrator(const net::Stream& stream) {
  const Result<net::PeerUser> user = stream.peer_user();
  if (user && (user->uid == 0 || user->uid == ::geteuid())) return concat("uid ", user->uid);
  log::warning("ctl.refused", {{"uid", user ? concat(user->uid) : std::string("unknown")}});
  return std::nullopt;
}

}  // namespace

ControlServer::ControlServer(Admin admin) : admin_(std::move(admin)), thread_(admin_.clock) {}

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::filesystem::path& socket,
                                                            Admin admin) {
  std::unique_ptr<ControlServer> server(new ControlServer(std::move(admin)));
  MAIL_TRY(server->listener_, net::Listener::unix_socket(server->thread_, socket, 0600));
  server->listener_->start([control = server.get()](std::size_t, net::Stream stream) {
    control->tasks_.spawn(control->serve(std::move(stream)));
  });
  server->thread_.start("mw-control");
  return server;
}

ControlServer::~ControlServer() {
  if (listener_ == nullptr) return;  // never started
  listener_->stop();
  thread_.post([this] { stop(); });
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_; });
  }
  thread_.stop();
  thread_.join();
}

// On the thread. Commands under way end by themselves: what they wait for answers or is closed.
void ControlServer::stop() {
  stopping_ = true;
  for (net::Stream* stream : streams_) stream->close();
  if (!streams_.empty()) return;
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Task<void> ControlServer::serve(net::Stream stream) {
  if (stopping_ || streams_.size() >= kMaxConnections) co_return;
  const std::optional<std::string> asked_by = administrator(stream);
  if (!asked_by) co_return;
  const auto place = streams_.insert(streams_.end(), &stream);
  const Clock& clock = admin_.clock;
  Result<std::string> line = co_await read_line(stream, clock.mono_now() + kRequestTime);
  if (line) {
    StreamOutput output(stream, clock);
    const Answer answer = co_await run(*line, *asked_by, output);
    password::wipe(*line);
    Header last;
    if (!answer) {
      last.exit = answer.error().exit;
      last.error = answer.error().text.substr(0, kMaxHeaderLine / 8);  // escapes may need six each
    }
    const std::string bytes = to_line(last);
    const Result<void> sent = co_await stream.write_all(bytes, clock.mono_now() + kWriteTime);
    if (!sent) log::debug("ctl.client_gone", {{"why", sent.error().detail}});
  } else if (line.error().code != Errc::closed) {
    log::info("ctl.bad_input", {{"why", describe(line.error())}});
  }
  streams_.erase(place);
  if (stopping_) stop();
}

Task<Answer> ControlServer::run(const std::string& line, std::string asked_by, Output& output) {
  Result<Request> request = parse_request(line);
  if (!request) {
    log::info("ctl.bad_input", {{"why", describe(request.error())}});
    co_return refuse(Exit::bad_data, request.error().detail);
  }
  request->asked_by = std::move(asked_by);
  const Handler handler = find_handler(request->noun, request->verb);
  if (handler == nullptr) {
    co_return refuse(Exit::usage,
                     concat("The daemon knows no command `", request->noun, ' ', request->verb,
                            "`: it is of another version. Restart it."));
  }
  const Answer answer = co_await handler(admin_, *request, output);
  password::wipe(request->secret);
  co_return answer;
}

}  // namespace mail::ctl
