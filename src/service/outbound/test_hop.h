// Tests only: a server on a thread of its own that plays a script and remembers what it was told;
// and events that can be waited for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/text.h"
#include "codec/smtp/dot_decoder.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"
#include "platform/tls/context.h"
#include "service/outbound/courier.h"

namespace mail {

// Answers each command by its whole line, else by its first word. A reply "hang up" closes, "mute"
// says nothing; "once ..." is said once, then what would be said without.
class TestHop {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::filesystem::path unix_path{};  // instead of an address
    std::shared_ptr<const tls::ServerContext> tls{};
    bool lmtp = false;
  };
  using Script = std::map<std::string, std::string>;

  explicit TestHop(Options options, Script changes = {}) : options_(std::move(options)) {
    for (auto& [word, reply] : changes) script_[word] = std::move(reply);
    net::IoThread* const threads[] = {&io_};
    auto listener = options_.unix_path.empty()
                        ? net::Listener::tcp(threads, net::Address{options_.host, options_.port})
                        : net::Listener::unix_socket(io_, options_.unix_path, 0600);
    EXPECT_TRUE(listener) << describe(listener.error());
    listener_ = std::move(*listener);
    listener_->start([this](std::size_t, net::Stream stream) {
      ++connections_;
      tasks_.spawn(serve(std::move(stream)));
    });
    io_.start("hop");
  }
  ~TestHop() {
    listener_->stop();
    std::promise<void> idle;
    io_.post([&] {
      for (net::Stream* each : open_) each->close();
      wait_idle(&idle);
    });
    idle.get_future().wait();
    io_.stop();
    io_.join();
  }

  std::uint16_t port() const { return listener_->address().port; }
  int connections() const { return connections_; }
  std::vector<std::string> commands() {
    const std::lock_guard lock(mutex_);
    return commands_;
  }
  std::vector<std::string> contents() {
    const std::lock_guard lock(mutex_);
    return contents_;
  }
  std::size_t count(std::string_view start) {
    const auto all = commands();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [&](const std::string& each) { return each.starts_with(start); }));
  }
  // Returns when the end of so many messages has come.
  void wait_for_contents(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20),
                                  [&] { return contents_.size() >= count; }));
  }
  // Returns when a command that begins so has come.
  void wait_for(std::string_view start) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::ranges::any_of(commands_,
                                 [&](const std::string& each) { return each.starts_with(start); });
    })) << start;
  }

 private:
  struct Talk {
    net::Stream& stream;
    MonoTime deadline;
    std::string input{};
    std::size_t taken = 0;
    std::string content{};
  };

  Task<void> serve(net::Stream stream) {
    open_.push_back(&stream);
    (void)(co_await converse(stream)).has_value();
    std::erase(open_, &stream);
  }
  Task<Result<void>> converse(net::Stream& stream) {
    Talk talk{stream, clock_.mono_now() + std::chrono::hours(1)};
    MAIL_CO_TRY(co_await say(talk, script_["greeting"]));
    for (;;) {
      const std::size_t end = talk.input.find("\r\n");
      if (end == std::string::npos) {
        MAIL_CO_TRY(co_await read(talk));
        continue;
      }
      const std::string line = talk.input.substr(0, end);
      talk.input.erase(0, end + 2);
      MAIL_CO_TRY(co_await obey(talk, line));
    }
  }
  Task<Result<void>> read(Talk& talk) {
    char bytes[16384];
    MAIL_CO_TRY(const std::size_t got, talk.stream.read_some(bytes));
    talk.input.append(bytes, got);
    if (got == 0) MAIL_CO_TRY(co_await talk.stream.readable(talk.deadline));
    co_return Result<void>{};
  }
  Task<Result<void>> say(Talk& talk, std::string reply) {
    if (reply == "mute") co_return Result<void>{};
    if (reply == "hang up") co_return fail(Errc::closed, "as the script says");
    co_return co_await talk.stream.write_all(reply + "\r\n", talk.deadline);
  }
  std::string reply_to(const std::string& line, const std::string& word) {
    const std::lock_guard lock(mutex_);
    commands_.push_back(line);
    changed_.notify_all();
    const auto whole = script_.find(line);
    const auto found = whole != script_.end() ? whole : script_.find(word);
    if (found == script_.end()) return "500 5.5.1 what";
    if (!found->second.starts_with("once ")) return found->second;
    std::string reply = found->second.substr(5);
    script_.erase(found);
    return reply;
  }
  Task<Result<void>> obey(Talk& talk, std::string line) {
    const std::string word(split(line, ' ')[0]);
    const std::string reply = reply_to(line, word);
    if (word == "BDAT") co_return co_await take_chunk(talk, line);
    if (word == "MAIL") talk.taken = 0;
    if (word == "RCPT" && reply.starts_with('2')) ++talk.taken;
    MAIL_CO_TRY(co_await say(talk, reply));
    if (word == "DATA" && reply.starts_with('3')) co_return co_await take_data(talk);
    if (word == "STARTTLS" && reply.starts_with('2')) {
      if (options_.tls == nullptr) co_return fail(Errc::closed, "no TLS after all");
      MAIL_CO_TRY(auto cipher, options_.tls->accept(talk.stream.native_handle()));
      MAIL_CO_TRY(co_await talk.stream.secure(std::move(cipher), talk.deadline));
    }
    if (word == "QUIT") co_return fail(Errc::closed, "said QUIT");
    co_return Result<void>{};
  }
  Task<Result<void>> take_data(Talk& talk) {
    smtp::DotDecoder decoder;
    while (!decoder.done()) {
      if (talk.input.empty()) MAIL_CO_TRY(co_await read(talk));
      talk.input.erase(0, decoder.feed(talk.input, &talk.content));
    }
    EXPECT_FALSE(decoder.damaged());
    co_return co_await end_content(talk);
  }
  Task<Result<void>> take_chunk(Talk& talk, std::string line) {
    const std::size_t size = parse_number(split(line, ' ')[1]).value_or(0);
    while (talk.input.size() < size) MAIL_CO_TRY(co_await read(talk));
    talk.content += talk.input.substr(0, size);
    talk.input.erase(0, size);
    if (talk.taken == 0) co_return co_await say(talk, "503 5.5.1 nobody");
    if (!line.ends_with(" LAST")) co_return co_await say(talk, "250 2.0.0 chunk");
    co_return co_await end_content(talk);
  }
  Task<Result<void>> end_content(Talk& talk) {
    std::string reply;
    {
      const std::lock_guard lock(mutex_);
      contents_.push_back(std::exchange(talk.content, {}));
      changed_.notify_all();
      reply = script_["."];
    }
    const std::size_t answers = options_.lmtp ? talk.taken : 1;
    for (std::size_t i = 0; i < answers; ++i) MAIL_CO_TRY(co_await say(talk, reply));
    co_return Result<void>{};
  }
  void wait_idle(std::promise<void>* idle) {
    if (tasks_.size() == 0) return idle->set_value();
    io_.post([this, idle] { wait_idle(idle); });
  }

  const Options options_;
  Script script_ = {{"greeting", "220 mx.yahoo.test ready"},
                    {"EHLO", "250-mx.yahoo.test\r\n250 PIPELINING"},
                    {"LHLO", "250-mx.yahoo.test\r\n250 PIPELINING"},
                    {"STARTTLS", "220 go on"},
                    {"AUTH", "235 2.7.0 ok"},
                    {"RSET", "250 2.0.0 ok"},
                    {"MAIL", "250 2.1.0 ok"},
                    {"RCPT", "250 2.1.5 ok"},
                    {"DATA", "354 go on"},
                    {".", "250 2.0.0 taken"},
                    {"QUIT", "221 2.0.0 bye"}};
  SystemClock clock_;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> commands_;
  std::vector<std::string> contents_;
  std::vector<net::Stream*> open_;
  TaskSet tasks_;
  net::IoThread io_{clock_};
  std::unique_ptr<net::Listener> listener_;
};

class TestEvents final : public CourierEvents {
 public:
  struct Done {
    std::uint64_t site = 0;
    std::vector<Parcel> untried;
    std::optional<SiteTrouble> trouble;
  };
  void attempted(std::vector<Attempt> attempts) override {
    const std::lock_guard lock(mutex_);
    for (Attempt& each : attempts) attempts_.push_back(std::move(each));
    changed_.notify_all();
  }
  void job_done(std::uint64_t site, std::uint32_t, std::vector<Parcel> untried,
                std::optional<SiteTrouble> trouble) override {
    const std::lock_guard lock(mutex_);
    done_.push_back({site, std::move(untried), std::move(trouble)});
    changed_.notify_all();
  }
  // The n-th job's end, and all attempts so far.
  Done wait_done(std::size_t n = 1) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(60), [&] { return done_.size() >= n; }));
    return done_.size() >= n ? done_[n - 1] : Done{};
  }
  std::vector<Attempt> attempts() {
    const std::lock_guard lock(mutex_);
    return attempts_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Attempt> attempts_;
  std::vector<Done> done_;
};

}  // namespace mail
