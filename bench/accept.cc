// Loads an SMTP server with mail and says how fast it takes it: `sessions` persistent connections,
// each sending one message after the other without TLS, for some seconds or some messages.
//   bench_accept --port P [--sessions 10] [--seconds 3 | --messages N] [--size 4096 | --content
//   FILE]
//                [--sender load@gen.test] [--recipient u@hold.test] [--pipeline] [--one]
//                [--label TEXT]
// --content: a message as it is to be sent, with CRLF and without the final dot. --one: a message
// per connection; the time is from connect() then. Prints one line of JSON: messages, failed,
// seconds, rate (messages/s), p50_ms and p99_ms from MAIL to the reply to the final dot. One
// thread, one epoll; ends with status 1 when a message was refused.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::size_t sessions = 10;
  double seconds = 3;
  std::uint64_t messages = 0;  // 0: until the time is up
  std::size_t size = 4096;
  std::string content;  // file; "": one of `size` is made
  std::string sender = "load@gen.test";
  std::string recipient = "u@hold.test";
  std::string label;
  bool pipeline = false;
  bool one = false;  // a message per connection
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_accept: %s\n", why.c_str());
  std::exit(2);
}

Options parse_options(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--pipeline" || name == "--one") {
      (name == "--one" ? options.one : options.pipeline) = true;
      continue;
    }
    if (i + 1 == count) die("no value for " + std::string(name));
    const char* value = arguments[++i];
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(std::atoi(value));
    else if (name == "--sessions")
      options.sessions = std::strtoull(value, nullptr, 10);
    else if (name == "--seconds")
      options.seconds = std::atof(value);
    else if (name == "--messages")
      options.messages = std::strtoull(value, nullptr, 10);
    else if (name == "--size")
      options.size = std::strtoull(value, nullptr, 10);
    else if (name == "--content")
      options.content = value;
    else if (name == "--sender")
      options.sender = value;
    else if (name == "--recipient")
      options.recipient = value;
    else if (name == "--label")
      options.label = value;
    else
      die("unknown option " + std::string(name));
  }
  if (options.port == 0 || options.sessions == 0) die("--port and --sessions are needed");
  return options;
}

// A message of about `size` octets, dot-stuffing not needed, with the final dot.
std::string make_message(std::size_t size) {
  std::string text =
      "From: <load@gen.test>\r\nTo: <u@hold.test>\r\nSubject: load\r\n"
      "Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <load@gen.test>\r\n\r\n";
  const std::string line = std::string(76, 'x') + "\r\n";
  while (text.size() + line.size() <= size) text += line;
  if (text.size() + 2 < size) text += std::string(size - text.size() - 2, 'y') + "\r\n";
  return text + ".\r\n";
}

// With dots stuffed (RFC 5321 §4.5.2) and the final one.
std::string read_message(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) die("cannot read " + file);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!text.ends_with("\r\n")) die(file + " does not end with CRLF");
  if (text.starts_with('.')) text.insert(0, 1, '.');
  for (std::size_t at = text.find("\r\n."); at != std::string::npos; at = text.find("\r\n.", at)) {
    text.insert(at + 2, 1, '.');
    at += 4;
  }
  return text + ".\r\n";
}

enum class Step { greeting, hello, mail, recipient, data, body, done };

struct Session {
  int descriptor = -1;
  Step step = Step::greeting;
  std::string pending;  // bytes the socket did not take yet
  std::string input;    // a reply that is not whole yet
  std::size_t replies_due = 1;
  Clock::time_point began;
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        message_(options_.content.empty() ? make_message(options_.size)
                                          : read_message(options_.content)),
        sessions_(options_.sessions) {}

  int run() {
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < sessions_.size(); ++i) open(i);
    start_ = last_ = Clock::now();
    std::array<epoll_event, 256> events{};
    while (open_ > 0) {
      const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 20'000);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) die("the server has been silent for 20 s");
      for (int i = 0; i < count; ++i) {
        Session& session = sessions_[events[static_cast<std::size_t>(i)].data.u64];
        if (session.descriptor >= 0) handle(session);
      }
    }
    return report();
  }

 private:
  // Sources are spread, so that neither TIME_WAIT nor a limit per address decides the result.
  void open(std::size_t index) {
    Session& session = sessions_[index];
    session = {};
    session.began = Clock::now();
    session.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    setsockopt(session.descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // Otherwise a port of the source is taken until its TIME_WAIT is over, whatever the peer.
    setsockopt(session.descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000101U + static_cast<std::uint32_t>(index % 200));
    if (bind(session.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
      die(std::string("bind: ") + std::strerror(errno));
    }
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(session.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
      die(std::string("connect: ") + std::strerror(errno));
    }
    fcntl(session.descriptor, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    epoll_ctl(poll_, EPOLL_CTL_ADD, session.descriptor, &event);
    ++open_;
  }

  void handle(Session& session) {
    if (!flush(session)) return close_it(session, "connection lost while writing");
    std::array<char, 16384> buffer{};
    for (;;) {
      const ssize_t got = recv(session.descriptor, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got <= 0) {
        const bool expected = session.step == Step::done;
        return close_it(session, expected ? "" : "closed by the server");
      }
      session.input.append(buffer.data(), static_cast<std::size_t>(got));
      if (!take_replies(session)) return;
    }
  }

  bool take_replies(Session& session) {
    for (;;) {
      const std::size_t end = session.input.find('\n');
      if (end == std::string::npos) return true;
      const std::string line = session.input.substr(0, end);
      session.input.erase(0, end + 1);
      if (line.size() > 3 && line[3] == '-') continue;  // not the last line of a reply
      const char wanted = session.step == Step::data && session.replies_due == 1 ? '3' : '2';
      if (line.empty() || line[0] != wanted) {
        close_it(session, line);
        return false;
      }
      if (--session.replies_due > 0) continue;
      advance(session);
      if (session.descriptor < 0) return false;
    }
  }

  void advance(Session& session) {
    switch (session.step) {
      case Step::greeting:
        return say(session, Step::hello, "EHLO gen.test\r\n", 1);
      case Step::body:
        ++accepted_;
        last_ = Clock::now();
        waits_.push_back(std::chrono::duration<float, std::milli>(last_ - session.began).count());
        if (options_.one) return say(session, Step::done, "QUIT\r\n", 1);
        [[fallthrough]];
      case Step::hello:
        return begin(session);
      case Step::mail:
        return say(session, Step::recipient, "RCPT TO:<" + options_.recipient + ">\r\n", 1);
      case Step::recipient:
        return say(session, Step::data, "DATA\r\n", 1);
      case Step::data:
        return say(session, Step::body, message_, 1);
      case Step::done:
        close_it(session, "");
        if (options_.one && may_begin())
          open(static_cast<std::size_t>(&session - sessions_.data()));
        return;
    }
  }

  bool may_begin() const {
    const std::chrono::duration<double> spent = Clock::now() - start_;
    return options_.messages > 0 ? begun_ < options_.messages : spent.count() < options_.seconds;
  }

  void begin(Session& session) {
    if (!may_begin()) return say(session, Step::done, "QUIT\r\n", 1);
    ++begun_;
    if (!options_.one) session.began = Clock::now();
    const std::string mail = "MAIL FROM:<" + options_.sender + ">\r\n";
    if (!options_.pipeline) return say(session, Step::mail, mail, 1);
    say(session, Step::data, mail + "RCPT TO:<" + options_.recipient + ">\r\nDATA\r\n", 3);
  }

  void say(Session& session, Step step, std::string_view text, std::size_t replies) {
    session.step = step;
    session.replies_due = replies;
    session.pending.append(text);
    if (!flush(session)) close_it(session, "connection lost while writing");
  }

  static bool flush(Session& session) {
    std::size_t sent = 0;
    while (sent < session.pending.size()) {
      const ssize_t put = send(session.descriptor, session.pending.data() + sent,
                               session.pending.size() - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (put < 0) return false;
      sent += static_cast<std::size_t>(put);
    }
    session.pending.erase(0, sent);
    return true;
  }

  void close_it(Session& session, const std::string& why) {
    if (!why.empty()) {
      ++failed_;
      if (first_error_.empty()) first_error_ = why;
    }
    close(session.descriptor);
    session.descriptor = -1;
    --open_;
  }

  int report() {
    const std::chrono::duration<double> spent = last_ - start_;
    std::ranges::sort(waits_);
    const auto at = [&](double part) {
      if (waits_.empty()) return 0.0F;
      return waits_[static_cast<std::size_t>(static_cast<double>(waits_.size() - 1) * part)];
    };
    std::printf(
        "{\"label\":\"%s\",\"sessions\":%zu,\"size\":%zu,\"messages\":%llu,\"failed\":%llu,"
        "\"seconds\":%.3f,\"rate\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
        options_.label.c_str(), options_.sessions, options_.size,
        static_cast<unsigned long long>(accepted_), static_cast<unsigned long long>(failed_),
        spent.count(), spent.count() > 0 ? static_cast<double>(accepted_) / spent.count() : 0.0,
        static_cast<double>(at(0.5)), static_cast<double>(at(0.99)));
    if (failed_ > 0)
      std::fprintf(stderr, "bench_accept: first failure: %s\n", first_error_.c_str());
    return failed_ > 0 || accepted_ == 0 ? 1 : 0;
  }

  const Options options_;
  const std::string message_;
  std::vector<Session> sessions_;
  int poll_ = -1;
  std::size_t open_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t failed_ = 0;
  std::string first_error_;
  Clock::time_point start_;
  Clock::time_point last_;
  std::vector<float> waits_;
};

}  // namespace

int main(int count, char** arguments) { return Load(parse_options(count, arguments)).run(); }
