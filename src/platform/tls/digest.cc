// OpenSSL gives a digest's state away only through the old interface, which it calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "platform/tls/digest.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>

#include <algorithm>
#include <initializer_list>

#include "base/result.h"

namespace mail::tls {

namespace {

// Having seen one block: the key, padded with zeros, each octet xor `pad` (RFC 2104 §2).
MD5_CTX after_key(std::array<std::uint8_t, MD5_CBLOCK> block, std::uint8_t pad) {
  for (std::uint8_t& octet : block) octet ^= pad;
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
  return context;
}

std::array<std::uint8_t, 16> finish(MD5_CTX context, const void* bytes, std::size_t size) {
  std::array<std::uint8_t, 16> out{};
  MD5_Update(&context, bytes, size);
  MD5_Final(out.data(), &context);
  return out;
}

void append_hex(std::string& out, MD5_LONG word) {  // its octets, the least first (RFC 1321 §3.5)
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int octet = 0; octet < 4; ++octet, word >>= 8) {
    out += kDigits[word >> 4 & 15];
    out += kDigits[word & 15];
  }
}

std::optional<MD5_LONG> read_hex(std::string_view text) {
  MD5_LONG word = 0;
  for (std::size_t octet = 4; octet-- > 0;) {
    for (const char c : text.substr(2 * octet, 2)) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      word = word << 4 | static_cast<MD5_LONG>(digit);
    }
  }
  return word;
}

std::optional<MD5_CTX> read_state(std::string_view hex) {
  MD5_CTX context;
  MD5_Init(&context);
  for (MD5_LONG* word : {&context.A, &context.B, &context.C, &context.D}) {
    const std::optional<MD5_LONG> read = read_hex(hex.substr(0, 8));
    if (!read) return std::nullopt;
    *word = *read;
    hex.remove_prefix(8);
  }
  context.Nl = 8 * MD5_CBLOCK;  // bits seen
  return context;
}

}  // namespace

std::string hmac_md5_state(std::string_view key) {
  std::array<std::uint8_t, MD5_CBLOCK> block{};
  if (key.size() > block.size()) {
    MD5(reinterpret_cast<const unsigned char*>(key.data()), key.size(), block.data());
  } else {
    std::ranges::copy(key, block.begin());
  }
  std::string out;
  for (const std::uint8_t pad : {std::uint8_t{0x5c}, std::uint8_t{0x36}}) {
    const MD5_CTX context = after_key(block, pad);
    for (const MD5_LONG word : {context.A, context.B, context.C, context.D}) append_hex(out, word);
  }
  OPENSSL_cleanse(block.data(), block.size());
  return out;
}

std::optional<std::array<std::uint8_t, 16>> hmac_md5_from(std::string_view state,
                                                          std::string_view bytes) {
  if (state.size() != 64) return std::nullopt;
  const std::optional<MD5_CTX> outer = read_state(state.substr(0, 32));
  const std::optional<MD5_CTX> inner = read_state(state.substr(32));
  if (!outer || !inner) return std::nullopt;
  const std::array<std::uint8_t, 16> digest = finish(*inner, bytes.data(), bytes.size());
  return finish(*outer, digest.data(), digest.size());
}

std::array<std::uint8_t, 16> hmac_md5(std::string_view key, std::string_view bytes) {
  std::string state = hmac_md5_state(key);
  const auto made = hmac_md5_from(state, bytes);
  OPENSSL_cleanse(state.data(), state.size());
  MAIL_ASSERT(made.has_value());
  return *made;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> hmac(const EVP_MD* digest, std::string_view key,
                                    std::string_view bytes) {
  std::array<std::uint8_t, Size> out{};
  unsigned int size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* made =
      HMAC(digest, key.data(), static_cast<int>(key.size()), data, bytes.size(), out.data(), &size);
  MAIL_ASSERT(made != nullptr && size == out.size());  // fails without memory only
  return out;
}

}  // namespace

std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::byte> key, std::string_view bytes) {
  return hmac<32>(EVP_sha256(), {reinterpret_cast<const char*>(key.data()), key.size()}, bytes);
}

std::array<std::uint8_t, 20> hmac_sha1(std::string_view key, std::string_view bytes) {
  return hmac<20>(EVP_sha1(), key, bytes);
}

}  // namespace mail::tls
