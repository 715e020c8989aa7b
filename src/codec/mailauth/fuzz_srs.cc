// Local parts from anywhere: none may be reversed that was not made with the secret, and what we
// make is always reversed.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "codec/mailauth/srs.h"

namespace {

std::string sum(std::string_view key, std::string_view octets) {
  std::uint32_t state = 5381;
  for (const char c : key) state = state * 33 + static_cast<unsigned char>(c);
  for (const char c : octets) state = state * 33 + static_cast<unsigned char>(c);
  std::string out;
  for (int i = 0; i < 20; ++i, state = state * 1664525 + 1013904223) {
    out.push_back(static_cast<char>(state >> 24));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr mail::WallTime kNow{mail::Milliseconds(1'795'325'077'000)};
  static const mail::srs::Rewriter rewriter({"secret"}, sum);
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto reversed = rewriter.reverse(text, kNow)) {
    MAIL_ASSERT(!reversed->domain.empty() && !reversed->local_part.empty());
  }
  if (text.empty()) return 0;
  const mail::srs::Address sender{text, "gmail.test"};
  const std::string made = rewriter.forward(sender, kNow);
  const auto back = rewriter.reverse(made, kNow);
  MAIL_ASSERT(back.has_value());
  if (made.starts_with("SRS0")) MAIL_ASSERT(*back == sender);
  return 0;
}
