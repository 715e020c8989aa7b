// Debian's spdlog is a shared library built against the system's fmt.
#define SPDLOG_SHARED_LIB
#define SPDLOG_COMPILED_LIB
#define SPDLOG_FMT_EXTERNAL
#include "platform/log/json_sink.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "platform/json/json.h"

namespace mail::log {
namespace {

constexpr std::size_t kMaxWaiting = std::size_t{4} << 20;
constexpr std::size_t kWriteAt = std::size_t{64} << 10;
constexpr Milliseconds kLatest{20};

void append_two(std::string& out, unsigned number) {
  out += static_cast<char>('0' + number / 10 % 10);
  out += static_cast<char>('0' + number % 10);
}

// "2026-11-21T22:15:48.123Z"
void append_time(std::string& out, WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto milliseconds = static_cast<unsigned>((at - day).count());
  append(out, static_cast<int>(date.year()), '-');
  append_two(out, static_cast<unsigned>(date.month()));
  out += '-';
  append_two(out, static_cast<unsigned>(date.day()));
  out += 'T';
  append_two(out, milliseconds / 3'600'000);
  out += ':';
  append_two(out, milliseconds / 60'000 % 60);
  out += ':';
  append_two(out, milliseconds / 1000 % 60);
  append(out, '.', static_cast<char>('0' + milliseconds / 100 % 10));
  append_two(out, milliseconds % 100);
  out += 'Z';
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // nowhere to say it: the log itself is gone
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// At most kMaxFieldBytes, not cut inside a UTF-8 sequence.
std::string_view cut(std::string_view text) {
  if (text.size() <= kMaxFieldBytes) return text;
  std::size_t end = kMaxFieldBytes;
  while (end > kMaxFieldBytes - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

// Gathers lines; a thread of its own writes them, so a slow reader of the log stalls no session.
class JsonSink::Lines final : public spdlog::sinks::sink {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor), writer_([this] { serve(); }) {}
  ~Lines() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    writer_.join();
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void log(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMaxWaiting) {
      ++dropped_;
      return;
    }
    const bool first = waiting_.empty();
    waiting_ += line;
    if (first || waiting_.size() >= kWriteAt) changed_.notify_all();
  }
  void flush() override {
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = rounds_ + (writing_ ? 2 : 1);
    if (waiting_.empty() && !writing_) return;
    hurry_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return rounds_ >= wanted || (waiting_.empty() && !writing_); });
  }
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    std::string out;
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;  // stopping, all written
      changed_.wait_for(lock, kLatest,
                        [&] { return stopping_ || hurry_ || waiting_.size() >= kWriteAt; });
      hurry_ = false;
      out.swap(waiting_);
      if (dropped_ > 0) {
        append(out, R"({"level":"warning","event":"log.dropped","lines":)", dropped_, "}\n");
        dropped_ = 0;
      }
      writing_ = true;
      lock.unlock();
      write_all(descriptor_, out);
      out.clear();
      lock.lock();
      writing_ = false;
      ++rounds_;
      changed_.notify_all();
    }
  }

  const int descriptor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  std::uint64_t dropped_ = 0;
  std::uint64_t rounds_ = 0;  // writes done
  bool writing_ = false;
  bool hurry_ = false;
  bool stopping_ = false;
  std::thread writer_;  // last: the members above are ready when it starts
};

struct JsonSink::Impl {
  Impl(int descriptor, const Clock& wall)
      : clock(wall), logger("mailwright", std::make_shared<Lines>(descriptor)) {
    logger.set_level(spdlog::level::trace);  // base/log.h has filtered already
  }
  const Clock& clock;
  spdlog::logger logger;
};

JsonSink::JsonSink(int descriptor, const Clock& clock)
    : impl_(std::make_unique<Impl>(descriptor, clock)) {}
JsonSink::~JsonSink() = default;

void JsonSink::write(Level level, std::string_view event, std::span<const Field> fields) {
  thread_local std::string line;
  line.assign("{\"time\":\"");
  append_time(line, impl_->clock.wall_now());
  append(line, "\",\"level\":\"", to_string(level), "\",\"event\":");
  json::append_string(line, cut(event));
  for (const Field& field : fields) {
    line += ',';
    json::append_string(line, field.name);
    line += ':';
    if (field.is_number) {
      line += field.value;
    } else {
      json::append_string(line, cut(field.value));
    }
  }
  line += "}\n";
  impl_->logger.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
  if (level >= Level::error) impl_->logger.flush();
}

void JsonSink::flush() { impl_->logger.flush(); }

}  // namespace mail::log
