#include "platform/tls/secret_box.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>
#include <memory>
#include <span>

#include "base/base64.h"
#include "base/text.h"
#include "platform/tls/digest.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;

constexpr char kVersion = 1;
constexpr std::size_t kNonce = 12;  // random: far fewer than 2^32 are ever made with one key
constexpr std::size_t kTag = 16;

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets_of(std::string& text, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}
int size_of(std::string_view text) { return static_cast<int>(text.size()); }

std::unexpected<Error> no_cipher() {
  return fail(Errc::tls_failed, concat("OpenSSL has no AES-256-GCM: ", take_errors()));
}

}  // namespace

SecretBox::SecretBox(std::string_view secret, std::string_view purpose) {
  const auto derived = hmac_sha256(std::as_bytes(std::span(secret)), purpose);
  std::memcpy(key_.data(), derived.data(), key_.size());
}

SecretBox::~SecretBox() { OPENSSL_cleanse(key_.data(), key_.size()); }

Result<std::string> SecretBox::seal(std::string_view plain, std::string_view context) const {
  std::string out(1 + kNonce + plain.size() + kTag, '\0');
  out[0] = kVersion;
  if (RAND_bytes(octets_of(out, 1), kNonce) != 1) {
    return fail(Errc::tls_failed, concat("no random octets: ", take_errors()));
  }
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done =
      cipher != nullptr &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                         reinterpret_cast<const unsigned char*>(key_.data()),
                         octets_of(out, 1)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, octets_of(context), size_of(context)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), octets_of(out, 1 + kNonce), &size, octets_of(plain),
                        size_of(plain)) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), octets_of(out, 1 + kNonce + plain.size()), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                          octets_of(out, out.size() - kTag)) == 1;
  if (!done) return no_cipher();
  return base64_encode(out);
}

Result<std::string> SecretBox::open(std::string_view sealed, std::string_view context) const {
  Result<std::string> box = base64_decode(sealed);
  if (!box || box->size() < 1 + kNonce + kTag || box->front() != kVersion) {
    return fail(Errc::store_corrupt, "no sealed secret");
  }
  const std::size_t size_plain = box->size() - 1 - kNonce - kTag;
  std::string plain(size_plain, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool begun =
      cipher != nullptr &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                         reinterpret_cast<const unsigned char*>(key_.data()),
                         octets_of(*box, 1)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, octets_of(context), size_of(context)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), octets_of(plain), &size, octets_of(*box, 1 + kNonce),
                        static_cast<int>(size_plain)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag,
                          octets_of(*box, box->size() - kTag)) == 1;
  if (!begun) return no_cipher();
  unsigned char rest[16];
  if (EVP_DecryptFinal_ex(cipher.get(), rest, &size) != 1) {
    OPENSSL_cleanse(plain.data(), plain.size());
    take_errors();
    return fail(Errc::not_allowed, "sealed with another key, or changed since");
  }
  return plain;
}

}  // namespace mail::tls
