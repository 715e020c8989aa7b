#include "platform/tls/context.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

// Key exchange with forward secrecy; of TLS 1.3 every suite has both (security.md 44).
constexpr const char* kForwardSecret =
    "kEECDH:kEDH:!aNULL:!eNULL:!LOW:!RC4:!3DES:!MD5:!PSK:!SRP:!DSS:!SEED:!IDEA";
constexpr const char* kAead =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK:!SRP:!DSS";

Result<SslContext> make_context(const SSL_METHOD* method, Suites suites) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(method));
  if (context == nullptr) return fail(Errc::tls_failed, take_errors());
  SSL_CTX* const ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  if (SSL_CTX_set_cipher_list(ctx, suites == Suites::aead ? kAead : kForwardSecret) != 1) {
    return fail(Errc::tls_failed, take_errors());
  }
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle sessions hold no 32 KiB of record buffers; a write may go on with another buffer address.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  return context;
}

// A client that speaks another protocol (ALPACA) is turned away; one that names none is served.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  for (const std::string_view ours : {"smtp", "esmtp"}) {
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
      const std::string_view theirs(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
      if (theirs != ours) continue;
      *out = offered + at + 1;
      *out_size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<std::string> read_file(const std::filesystem::path& path, std::string_view what) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int number = errno;
    return fail(number == ENOENT ? Errc::not_found : Errc::not_allowed,
                concat("cannot read the ", what, ' ', path.string(), ": ", std::strerror(number)));
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// An encrypted key would make OpenSSL ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<void> use_certificates(SSL_CTX* ctx, const std::string& pem, const std::string& what) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate leaf(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
  if (leaf == nullptr) {
    return fail(Errc::tls_failed,
                concat(what, " holds no certificate in PEM form: ", take_errors()));
  }
  if (SSL_CTX_use_certificate(ctx, leaf.get()) != 1) {
    return fail(Errc::tls_failed, concat(what, " cannot be used: ", take_errors()));
  }
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)}) {
    if (SSL_CTX_add0_chain_cert(ctx, next.get()) != 1) {
      return fail(Errc::tls_failed, concat(what, " has a bad chain: ", take_errors()));
    }
    next.release();  // the context's now  // NOLINT(bugprone-unused-return-value)
  }
  ERR_clear_error();  // the end of the file
  return {};
}

Result<void> use_key(SSL_CTX* ctx, const std::string& pem, const std::string& what,
                     const std::string& certificate) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    return fail(
        Errc::tls_failed,
        concat(what, " holds no private key in PEM form, or one with a password: ", take_errors()));
  }
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    ERR_clear_error();
    return fail(Errc::tls_failed, concat(what, " does not match ", certificate));
  }
  return {};
}

Result<SslContext> make_server(const PemPair& pair, const std::string& certificate_name,
                               const std::string& key_name, Suites suites,
                               const std::string& name) {
  MAIL_TRY(SslContext context, make_context(TLS_server_method(), suites));
  SSL_CTX* const ctx = context.get();
  MAIL_TRY(use_certificates(ctx, pair.certificate, certificate_name));
  MAIL_TRY(use_key(ctx, pair.key, key_name, certificate_name));
  SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_dh_auto(ctx, 1);
  SSL_CTX_set_num_tickets(ctx, 1);
  const std::string_view id = std::string_view(name).substr(0, SSL_MAX_SID_CTX_LENGTH);
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  return context;
}

Result<Ssl> make_ssl(SSL_CTX* ctx, int socket) {
  ERR_clear_error();
  Ssl ssl(SSL_new(ctx));
  Bio bio = make_socket_bio(socket);
  if (ssl == nullptr || bio == nullptr) return fail(Errc::tls_failed, take_errors());
  SSL_set_bio(ssl.get(), bio.get(), bio.get());
  bio.release();  // the connection's now  // NOLINT(bugprone-unused-return-value)
  return ssl;
}

bool is_ip_address(const std::string& name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

}  // namespace

ServerContext::ServerContext(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
ServerContext::~ServerContext() = default;

Result<std::shared_ptr<const ServerContext>> ServerContext::load(
    const std::filesystem::path& certificate, const std::filesystem::path& key, Suites suites,
    const std::string& name) {
  PemPair pair;
  MAIL_TRY(pair.certificate, read_file(certificate, "certificate"));
  MAIL_TRY(pair.key, read_file(key, "key"));
  auto context = make_server(pair, concat("the certificate ", certificate.string()),
                             concat("the key ", key.string()), suites, name);
  OPENSSL_cleanse(pair.key.data(), pair.key.size());
  if (!context) return std::unexpected(std::move(context.error()));
  return std::shared_ptr<const ServerContext>(
      new ServerContext(std::make_unique<Handle>(std::move(*context))));
}

Result<std::shared_ptr<const ServerContext>> ServerContext::from_pem(const PemPair& pair,
                                                                     Suites suites,
                                                                     const std::string& name) {
  MAIL_TRY(SslContext context, make_server(pair, "the certificate", "the key", suites, name));
  return std::shared_ptr<const ServerContext>(
      new ServerContext(std::make_unique<Handle>(std::move(context))));
}

Result<std::unique_ptr<net::Cipher>> ServerContext::accept(int socket) const {
  MAIL_TRY(Ssl ssl, make_ssl(handle_->get(), socket));
  SSL_set_accept_state(ssl.get());
  return make_cipher(std::move(ssl));
}

ClientContext::ClientContext(std::unique_ptr<Handle> handle,
                             std::shared_ptr<const Authorities> authorities, bool verify,
                             bool examine)
    : handle_(std::move(handle)),
      authorities_(std::move(authorities)),
      verify_(verify),
      examine_(examine) {}
ClientContext::~ClientContext() = default;

Result<std::shared_ptr<const ClientContext>> ClientContext::make(const Options& options) {
  MAIL_TRY(SslContext context, make_context(TLS_client_method(), options.suites));
  SSL_CTX* const ctx = context.get();
  std::shared_ptr<const Authorities> authorities = options.authorities;
  if (options.verify || options.examine) {
    // Without SSL_VERIFY_PEER a client examines all the same, and goes on.
    if (options.verify) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    // An operator may name the server's own certificate instead of an authority.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (authorities == nullptr) {
      MAIL_TRY(authorities, Authorities::read(options.ca_file));
    }
  }
  return std::shared_ptr<const ClientContext>(
      new ClientContext(std::make_unique<Handle>(std::move(context)), std::move(authorities),
                        options.verify, options.examine));
}

Result<std::unique_ptr<net::Cipher>> ClientContext::connect(int socket,
                                                            const std::string& server_name) const {
  if (verify_ || examine_) {  // the first one may wait until they are read
    std::call_once(has_authorities_, [this] {
      SSL_CTX_set1_cert_store(handle_->get(), authorities_->impl().store.get().get());
    });
  }
  MAIL_TRY(Ssl ssl, make_ssl(handle_->get(), socket));
  const bool numeric = is_ip_address(server_name);
  if (!numeric && !server_name.empty()) {
    SSL_set_tlsext_host_name(ssl.get(), const_cast<char*>(server_name.c_str()));
  }
  if (verify_ || (examine_ && !server_name.empty())) {
    X509_VERIFY_PARAM* const param = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, server_name.c_str())
                            : X509_VERIFY_PARAM_set1_host(param, server_name.c_str(), 0);
    if (set != 1 || server_name.empty()) {
      return fail(Errc::invalid_argument, "verification needs the server's name");
    }
  }
  SSL_set_connect_state(ssl.get());
  return make_cipher(std::move(ssl));
}

}  // namespace mail::tls
