// Identifiers as types, so that one kind is never handed over for another.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

// An integer with a name. `Tag` only tells types apart.
template <typename Tag, typename Number = std::uint64_t>
struct StrongId {
  Number value = 0;
  auto operator<=>(const StrongId&) const = default;
};

using AccountId = StrongId<struct AccountTag>;  // a row of the control store
using MailboxId = StrongId<struct MailboxTag>;  // a folder; never reused
using Uid =
    StrongId<struct UidTag, std::uint32_t>;  // RFC 9051 §2.3.1.1: ascending within a mailbox
using ModSeq = StrongId<struct ModSeqTag>;   // RFC 7162: ascending within a mailbox
using EventSeq = StrongId<struct EventTag>;  // commit order of events; a cursor

// 80 bits: 48 of milliseconds since 1970, 12 of node, 20 of counter. Sorts by time. The same
// 16 characters are in the reply, the Received field, the log, the API and the dashboard.
struct MessageId {
  std::array<std::uint8_t, 10> bytes{};

  static MessageId make(std::uint64_t milliseconds, std::uint16_t node, std::uint32_t counter);
  // Exactly 16 characters of Crockford base32; lower case is taken too. Fails with bad_syntax.
  static Result<MessageId> parse(std::string_view text);

  // The 16 characters, in no memory of the heap.
  struct Text {
    std::array<char, 16> characters{};
    operator std::string_view() const { return {characters.data(), characters.size()}; }
  };

  std::uint64_t milliseconds() const;
  Text text() const;
  std::string to_string() const { return std::string(text()); }
  std::string_view key() const {  // big-endian bytes, for ordered keys; dies with this id
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  auto operator<=>(const MessageId&) const = default;
};

}  // namespace mail

template <>
struct std::hash<mail::MessageId> {
  std::size_t operator()(const mail::MessageId& id) const {
    return std::hash<std::string_view>{}(id.key());
  }
};
template <typename Tag, typename Number>
struct std::hash<mail::StrongId<Tag, Number>> {
  std::size_t operator()(mail::StrongId<Tag, Number> id) const {
    return std::hash<Number>{}(id.value);
  }
};
