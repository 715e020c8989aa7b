// kCrypto with SHA-1 for RSA, as RFC 4871 had it. For tests of dkim that run old corpora, and
// nothing else: RFC 8301 §3.1 forbids it.
#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/crypto.h"
#include "platform/tls/crypto.h"

namespace mail::tls::historic {

class Sha1 final : public crypto::Digest {
 public:
  Sha1() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha1(), nullptr); }
  ~Sha1() override { EVP_MD_CTX_free(context_); }
  Sha1(const Sha1&) = delete;
  Sha1& operator=(const Sha1&) = delete;
  void update(std::string_view octets) override {
    EVP_DigestUpdate(context_, octets.data(), octets.size());
  }
  std::string finish() override {
    std::string digest(20, '\0');
    EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
  }

 private:
  EVP_MD_CTX* context_;
};

// The kind of digest is told by its size.
class RsaKey final : public crypto::PublicKey {
 public:
  RsaKey(std::shared_ptr<const PublicKey> known, std::string_view octets)
      : known_(std::move(known)) {
    const auto* at = reinterpret_cast<const unsigned char*>(octets.data());
    key_ = d2i_PUBKEY(nullptr, &at, static_cast<long>(octets.size()));
  }
  ~RsaKey() override { EVP_PKEY_free(key_); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;
  crypto::KeyKind kind() const override { return known_->kind(); }
  int bits() const override { return known_->bits(); }
  bool verify(std::string_view digest, std::string_view signature) const override {
    if (digest.size() != 20) return known_->verify(digest, signature);
    EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new(key_, nullptr);
    const bool good =
        EVP_PKEY_verify_init(context) > 0 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0 &&
        EVP_PKEY_CTX_set_signature_md(context, EVP_sha1()) > 0 &&
        EVP_PKEY_verify(context, reinterpret_cast<const unsigned char*>(signature.data()),
                        signature.size(), reinterpret_cast<const unsigned char*>(digest.data()),
                        digest.size()) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
  }

 private:
  std::shared_ptr<const PublicKey> known_;
  EVP_PKEY* key_ = nullptr;
};

inline Result<std::shared_ptr<const crypto::PublicKey>> read_public_key(crypto::KeyKind kind,
                                                                        std::string_view octets) {
  auto known = kCrypto.read_public_key(kind, octets);
  if (!known || kind != crypto::KeyKind::rsa) return known;
  return std::make_shared<const RsaKey>(std::move(*known), octets);
}

inline crypto::Crypto crypto() {
  crypto::Crypto made = kCrypto;
  made.read_public_key = read_public_key;
  made.sha1 = []() -> std::unique_ptr<crypto::Digest> { return std::make_unique<Sha1>(); };
  return made;
}

}  // namespace mail::tls::historic
