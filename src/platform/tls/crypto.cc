#include "platform/tls/crypto.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

using crypto::KeyKind;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

constexpr int kEd25519Octets = 32;
// What a stranger's key may cost: verifying takes the cube of the first and grows with the second.
constexpr int kMaxModulusBits = 8192;
constexpr int kMaxExponentBits = 64;
constexpr int kMinGeneratedBits = 1024;  // RFC 8301 §3.2
constexpr int kMaxGeneratedBits = 4096;

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

// Fetched once: by name OpenSSL looks it up under a lock, every time.
const EVP_MD* sha256() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  MAIL_ASSERT(fetched != nullptr);
  return fetched;
}

class Sha256 final : public crypto::Digest {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    MAIL_ASSERT(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), sha256(), nullptr) == 1);
  }
  void update(std::string_view octets) override {
    MAIL_ASSERT(EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) == 1);
  }
  std::string finish() override {
    std::string digest(32, '\0');
    MAIL_ASSERT(EVP_DigestFinal_ex(context_.get(), octets_of(digest), nullptr) == 1);
    return digest;
  }

 private:
  DigestContext context_;
};

// Ready for PKCS #1 v1.5 over a SHA-256 that was made already.
bool set_up_rsa(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0 &&
         EVP_PKEY_CTX_set_signature_md(context, sha256()) > 0;
}

class OpenSslPublicKey final : public crypto::PublicKey {
 public:
  OpenSslPublicKey(KeyKind kind, Key key) : kind_(kind), key_(std::move(key)) {}
  KeyKind kind() const override { return kind_; }
  int bits() const override {
    return kind_ == KeyKind::rsa ? EVP_PKEY_get_bits(key_.get()) : 8 * kEd25519Octets;
  }
  bool verify(std::string_view digest, std::string_view signature) const override {
    const bool good =
        kind_ == KeyKind::rsa ? verify_rsa(digest, signature) : verify_ed25519(digest, signature);
    if (!good) ERR_clear_error();
    return good;
  }

 private:
  bool verify_rsa(std::string_view digest, std::string_view signature) const {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    return context != nullptr && EVP_PKEY_verify_init(context.get()) > 0 &&
           set_up_rsa(context.get()) &&
           EVP_PKEY_verify(context.get(), octets_of(signature), signature.size(), octets_of(digest),
                           digest.size()) == 1;
  }
  bool verify_ed25519(std::string_view digest, std::string_view signature) const {
    const DigestContext context(EVP_MD_CTX_new());
    return context != nullptr &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) > 0 &&
           EVP_DigestVerify(context.get(), octets_of(signature), signature.size(),
                            octets_of(digest), digest.size()) == 1;
  }

  KeyKind kind_;
  Key key_;
};

class OpenSslPrivateKey final : public crypto::PrivateKey {
 public:
  OpenSslPrivateKey(KeyKind kind, Key key, std::string public_octets)
      : kind_(kind), key_(std::move(key)), public_octets_(std::move(public_octets)) {}
  KeyKind kind() const override { return kind_; }
  int bits() const override {
    return kind_ == KeyKind::rsa ? EVP_PKEY_get_bits(key_.get()) : 8 * kEd25519Octets;
  }
  Result<std::string> sign(std::string_view digest) const override {
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
    std::size_t size = signature.size();
    const bool made = kind_ == KeyKind::rsa ? sign_rsa(digest, signature, size)
                                            : sign_ed25519(digest, signature, size);
    if (!made) return fail(Errc::unavailable, concat("cannot sign: ", take_errors()));
    signature.resize(size);
    return signature;
  }
  std::string public_octets() const override { return public_octets_; }

 private:
  bool sign_rsa(std::string_view digest, std::string& signature, std::size_t& size) const {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    return context != nullptr && EVP_PKEY_sign_init(context.get()) > 0 &&
           set_up_rsa(context.get()) &&
           EVP_PKEY_sign(context.get(), octets_of(signature), &size, octets_of(digest),
                         digest.size()) > 0;
  }
  bool sign_ed25519(std::string_view digest, std::string& signature, std::size_t& size) const {
    const DigestContext context(EVP_MD_CTX_new());
    return context != nullptr &&
           EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) > 0 &&
           EVP_DigestSign(context.get(), octets_of(signature), &size, octets_of(digest),
                          digest.size()) > 0;
  }

  KeyKind kind_;
  Key key_;
  std::string public_octets_;
};

// Cuts one DER element off `der` and gives its contents; nothing where another tag stands.
std::optional<std::string_view> take_element(std::string_view& der, int wanted) {
  const unsigned char* at = octets_of(der);
  long size = 0;
  int tag = 0;
  int tag_class = 0;
  const int flags = ASN1_get_object(&at, &size, &tag, &tag_class, static_cast<long>(der.size()));
  if ((flags & 0x81) != 0 || tag != wanted || tag_class != V_ASN1_UNIVERSAL) return std::nullopt;
  const auto begin = static_cast<std::size_t>(at - octets_of(der));
  const std::string_view contents = der.substr(begin, static_cast<std::size_t>(size));
  der.remove_prefix(begin + contents.size());
  return contents;
}

// The RSAPublicKey inside a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 3279 §2.3.1).
std::optional<std::string_view> unwrap_public_key_info(std::string_view info) {
  constexpr std::string_view kRsaEncryption = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
  auto algorithm = take_element(info, V_ASN1_SEQUENCE);
  if (!algorithm || take_element(*algorithm, V_ASN1_OBJECT) != kRsaEncryption) return std::nullopt;
  const auto bits = take_element(info, V_ASN1_BIT_STRING);
  if (!bits || !bits->starts_with('\0')) return std::nullopt;  // no unused bits
  return bits->substr(1);
}

// By hand: d2i_PUBKEY() of OpenSSL 3 tries its decoders one after the other, which takes longer
// than verifying a signature.
Key read_rsa(std::string_view octets) {
  std::string_view outer = octets;
  const auto sequence = take_element(outer, V_ASN1_SEQUENCE);
  if (!sequence) return nullptr;
  std::string_view numbers = *sequence;
  if (auto inner = unwrap_public_key_info(numbers)) {
    const auto key = take_element(*inner, V_ASN1_SEQUENCE);
    if (!key) return nullptr;
    numbers = *key;
  }
  const auto modulus = take_element(numbers, V_ASN1_INTEGER);
  const auto exponent = take_element(numbers, V_ASN1_INTEGER);
  if (!modulus || !exponent || modulus->size() > kMaxModulusBits / 8 + 1 ||
      exponent->size() > kMaxExponentBits / 8 + 1) {
    return nullptr;
  }
  const Number n(BN_bin2bn(octets_of(*modulus), static_cast<int>(modulus->size()), nullptr));
  const Number e(BN_bin2bn(octets_of(*exponent), static_cast<int>(exponent->size()), nullptr));
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr || !BN_is_odd(n.get()) ||
      !BN_is_odd(e.get()) || BN_is_one(e.get()) ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) <= 0) {
    return nullptr;
  }
  return Key(key);
}

Result<std::shared_ptr<const crypto::PublicKey>> read_public_key(KeyKind kind,
                                                                 std::string_view octets) {
  Key key;
  if (kind == KeyKind::rsa) {
    key = read_rsa(octets);
  } else if (octets.size() == kEd25519Octets) {
    key.reset(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets_of(octets), octets.size()));
  }
  if (key == nullptr) {
    ERR_clear_error();
    return fail(Errc::bad_syntax, kind == KeyKind::rsa ? "not an RSA public key that we accept"
                                                       : "not an Ed25519 public key");
  }
  return std::make_shared<const OpenSslPublicKey>(kind, std::move(key));
}

std::string encode_public(EVP_PKEY* key, KeyKind kind) {
  if (kind == KeyKind::ed25519) {
    std::string octets(kEd25519Octets, '\0');
    std::size_t size = octets.size();
    return EVP_PKEY_get_raw_public_key(key, octets_of(octets), &size) == 1 ? octets : "";
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  std::string octets(reinterpret_cast<const char*>(der), size > 0 ? std::size_t(size) : 0);
  OPENSSL_free(der);
  return octets;
}

// Or OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<std::shared_ptr<const crypto::PrivateKey>> read_private_key(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(bio == nullptr ? nullptr
                         : PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    return fail(Errc::bad_syntax,
                concat("not a private key in PEM without a password: ", take_errors()));
  }
  const int id = EVP_PKEY_get_base_id(key.get());
  if (id != EVP_PKEY_RSA && id != EVP_PKEY_ED25519) {
    return fail(Errc::bad_syntax, "the key is neither RSA nor Ed25519");
  }
  const KeyKind kind = id == EVP_PKEY_RSA ? KeyKind::rsa : KeyKind::ed25519;
  std::string octets = encode_public(key.get(), kind);
  if (octets.empty()) return fail(Errc::bad_syntax, "the key has no public half");
  return std::make_shared<const OpenSslPrivateKey>(kind, std::move(key), std::move(octets));
}

}  // namespace

const crypto::Crypto kCrypto = {
    []() -> std::unique_ptr<crypto::Digest> { return std::make_unique<Sha256>(); },
    read_public_key,
    read_private_key,
};

Result<std::string> generate_key(KeyKind kind, int bits) {
  const bool rsa = kind == KeyKind::rsa;
  if (rsa && (bits < kMinGeneratedBits || bits > kMaxGeneratedBits)) {
    return fail(Errc::invalid_argument, concat("an RSA key has ", kMinGeneratedBits, " to ",
                                               kMaxGeneratedBits, " bits, not ", bits));
  }
  const Key key(rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))
                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (key == nullptr || bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return fail(Errc::unavailable, concat("cannot make a key: ", take_errors()));
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace mail::tls
