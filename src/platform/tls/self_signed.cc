#include "platform/tls/self_signed.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

constexpr long kHour = 3600;
constexpr long kYear = 365L * 24 * kHour;

std::string contents(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool fill_in(X509* certificate, EVP_PKEY* key, const std::string& hostname) {
  unsigned char in6[16];
  const bool numeric = inet_pton(AF_INET, hostname.c_str(), in6) == 1 ||
                       inet_pton(AF_INET6, hostname.c_str(), in6) == 1;
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_NAME* const name = X509_get_subject_name(certificate);
  const std::string common_name = hostname.substr(0, 64);  // RFC 5280: ub-common-name
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -kHour) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), kYear) != nullptr &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                    -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, NID_subject_alt_name,
                       concat(numeric ? "IP:" : "DNS:", hostname)) &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

}  // namespace

Result<PemPair> make_self_signed(const std::string& hostname) {
  // The value goes through OpenSSL's configuration syntax, where a comma starts another name.
  if (hostname.empty() || hostname.find_first_of(", \t\r\n") != std::string::npos) {
    return fail(Errc::invalid_argument, concat("\"", hostname, "\" is no host name"));
  }
  ERR_clear_error();
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  const Bio certificate_pem(BIO_new(BIO_s_mem()));
  const Bio key_pem(BIO_new(BIO_s_mem()));
  if (key == nullptr || certificate == nullptr || certificate_pem == nullptr ||
      key_pem == nullptr || !fill_in(certificate.get(), key.get(), hostname) ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return fail(Errc::tls_failed, concat("cannot make a certificate: ", take_errors()));
  }
  return PemPair{contents(certificate_pem.get()), contents(key_pem.get())};
}

}  // namespace mail::tls
