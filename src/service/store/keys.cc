#include "service/store/keys.h"

#include <algorithm>

namespace mail::keys {
namespace {
constexpr std::size_t kIdSize = sizeof(MessageId::bytes);
constexpr std::size_t kQueuedTail = sizeof(std::uint64_t) + kIdSize + sizeof(std::uint32_t);
}  // namespace

MessageId id_in(std::string_view bytes) {
  MessageId id;
  for (std::size_t i = 0; i < kIdSize && i < bytes.size(); ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
  }
  return id;
}

std::string queue(const QueueName& name) {
  std::string key;
  key.reserve(1 + name.route.size() + name.domain.size() + name.lane.size() + 3 + kQueuedTail);
  key.append(kQueued);
  for (const std::string* part : {&name.route, &name.domain, &name.lane}) {
    key.append(*part).push_back('\0');
  }
  return key;
}

std::string due_in(const QueueName& name, WallTime due) {
  std::string key = queue(name);
  append_big_endian(key, static_cast<std::uint64_t>(due.time_since_epoch().count()));
  return key;
}

std::string queued(const QueueKey& key) {
  std::string bytes = due_in(key.queue, key.due);
  bytes.append(key.message.key());
  append_big_endian(bytes, key.number);
  return bytes;
}

std::optional<QueueKey> parse_queued(std::string_view key) {
  if (!key.starts_with(kQueued)) return std::nullopt;
  key.remove_prefix(kQueued.size());
  QueueKey parsed;
  for (std::string* part : {&parsed.queue.route, &parsed.queue.domain, &parsed.queue.lane}) {
    const std::size_t end = key.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    *part = key.substr(0, end);
    key.remove_prefix(end + 1);
  }
  if (key.size() != kQueuedTail) return std::nullopt;
  const auto due = static_cast<std::int64_t>(read_big_endian<std::uint64_t>(key));
  parsed.due = WallTime(Milliseconds(due));
  key.remove_prefix(sizeof(std::uint64_t));
  parsed.message = id_in(key);
  parsed.number = read_big_endian<std::uint32_t>(key.substr(kIdSize));
  return parsed;
}

std::optional<HeldKey> parse_of_message(std::string_view key) {
  if (key.size() != 1 + kIdSize + sizeof(std::uint32_t)) return std::nullopt;
  return HeldKey{id_in(key.substr(1)), read_big_endian<std::uint32_t>(key.substr(1 + kIdSize))};
}

std::optional<NoticeKey> parse_notice(std::string_view key) {
  if (!key.starts_with(kNotice) || key.size() != 1 + kIdSize + sizeof(std::uint64_t)) {
    return std::nullopt;
  }
  return NoticeKey{id_in(key.substr(1)), read_big_endian<std::uint64_t>(key.substr(1 + kIdSize))};
}

}  // namespace mail::keys
