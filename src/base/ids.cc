#include "base/ids.h"

namespace mail {
namespace {

// Crockford base32: no I, L, O, U.
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int digit_of(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

MessageId MessageId::make(std::uint64_t milliseconds, std::uint16_t node, std::uint32_t counter) {
  MessageId id;
  for (int i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  }
  const std::uint32_t low = (static_cast<std::uint32_t>(node & 0xFFF) << 20) | (counter & 0xFFFFF);
  for (int i = 0; i < 4; ++i) id.bytes[6 + i] = static_cast<std::uint8_t>(low >> (24 - 8 * i));
  return id;
}

Result<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != 16) return fail(Errc::bad_syntax, "a message id has 16 characters");
  MessageId id;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t at = 0;
  for (char c : text) {
    const int digit = digit_of(c);
    if (digit < 0)
      return fail(Errc::bad_syntax, "a message id is made of 0-9 and A-Z without ILOU");
    bits = (bits << 5) | static_cast<std::uint32_t>(digit);
    held += 5;
    if (held >= 8) {
      held -= 8;
      id.bytes[at++] = static_cast<std::uint8_t>(bits >> held);
    }
  }
  return id;
}

std::uint64_t MessageId::milliseconds() const {
  std::uint64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = (ms << 8) | bytes[i];
  return ms;
}

MessageId::Text MessageId::text() const {
  Text text;
  for (std::size_t half = 0; half < 2; ++half) {  // five octets are eight digits
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = (bits << 8) | bytes[half * 5 + i];
    for (std::size_t i = 8; i-- > 0; bits >>= 5)
      text.characters[half * 8 + i] = kAlphabet[bits & 31];
  }
  return text;
}

}  // namespace mail
