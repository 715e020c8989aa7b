// A queue on its way to another machine, as the octets of one file: a line that says what it is,
// then framed records (codec/record/record.h) in this order:
//   head, then for each message, in the order of their ids: message, chunk... , [withdrawn]; end.
// Each record has its own checksum, and the end one over all before it: a file that was cut short,
// altered, or put together from pieces does not read to its end. Records inside (envelope, pending,
// event) have versions of their own, so that an archive can be read as long as a store can.
// Pure. Memory: a record at a time, which is at most kMaxRecord octets.
// Errors: bad_syntax (with where), store_newer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/pending.h"

namespace mail::archive {

inline constexpr std::string_view kMagic = "mailwright queue\n";
inline constexpr std::size_t kMaxRecord = std::size_t{64} << 20;
inline constexpr std::size_t kChunk = std::size_t{256} << 10;  // octets of content; the last: fewer

struct Head {
  MessageId archive;  // names this archive; an id of the store that wrote it
  WallTime made;
  bool operator==(const Head&) const = default;
};

struct InQueue {
  std::string route;
  std::string domain;
  std::string lane;
  WallTime due;
  bool operator==(const InQueue&) const = default;
};
struct Waiting {
  std::uint32_t number = 0;      // of the delivery, where it waited
  std::optional<InQueue> queue;  // none: it is held, for delivery.reason
  record::PendingDelivery delivery;
  bool operator==(const Waiting&) const = default;
};
struct Message {
  record::Envelope envelope;  // without body and references; envelope.size octets follow in chunks
  std::vector<Waiting> waiting;
  std::vector<record::Event> events;  // all that happened to it until then
  bool operator==(const Message&) const = default;
};
struct Chunk {
  std::string octets;
  bool operator==(const Chunk&) const = default;
};
struct Withdrawn {  // the last message is not in the archive after all: its content was damaged
  bool operator==(const Withdrawn&) const = default;
};
struct End {
  std::uint64_t messages = 0;  // without those withdrawn
  std::uint64_t deliveries = 0;
  std::uint64_t octets = 0;  // of content
  bool operator==(const End&) const = default;
};
using Item = std::variant<Head, Message, Chunk, Withdrawn, End>;

// Octets for the end of the file, in the order above.
class Writer {
 public:
  void head(std::string& out, const Head& head);  // first of all
  void message(std::string& out, const Message& message);
  void chunk(std::string& out, std::string_view octets);  // of the last message; at most kChunk
  void withdraw(std::string& out);                        // the last message
  End end(std::string& out);
  const End& so_far() const { return sums_; }

 private:
  void add(std::string& out, std::size_t from);

  End sums_;
  End last_;  // what the last message added
  std::uint32_t seal_ = 0;
};

class Reader {
 public:
  void feed(std::string_view octets) { bytes_.append(octets); }
  // The next item; nothing: it takes more octets, or everything was read.
  Result<std::optional<Item>> next();
  bool ended() const { return state_ == State::ended; }
  // All was there: call it when the file has ended.
  Result<void> finish() const;

 private:
  enum class State : std::uint8_t { magic, head, messages, ended };
  Result<std::optional<Item>> read_magic();
  Result<Item> parse(std::string_view record);
  Result<Item> take(Head head);
  Result<Item> take(Message message);
  Result<Item> take(Chunk chunk);
  Result<Item> take(Withdrawn withdrawn);
  Result<Item> take_end(const End& end, std::uint32_t seal);
  std::unexpected<Error> damaged(std::string_view why) const;

  State state_ = State::magic;
  std::string bytes_;
  std::size_t used_ = 0;    // of bytes_
  std::uint64_t at_ = 0;    // in the file
  std::uint64_t left_ = 0;  // content of the last message that has not come
  std::optional<MessageId> last_id_;
  End last_;  // what the last message added
  End sums_;
  std::uint32_t seal_ = 0;
};

}  // namespace mail::archive
