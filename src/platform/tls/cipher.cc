// One TLS connection on a non-blocking socket, as platform/net drives it.
#include <sys/socket.h>

#include <cerrno>
#include <climits>

#include "base/text.h"
#include "platform/tls/context.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE when the peer is gone.
int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto put = ::send(static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))),
                          bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(put);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))),
                          into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return 0;
}

BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mail socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

class SslCipher final : public net::Cipher {
 public:
  explicit SslCipher(Ssl ssl) : ssl_(std::move(ssl)) {}

  net::Want handshake() override {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 ? net::Want::done : want_of(result);
  }

  net::Want read(std::span<char> into, std::size_t* got) override {
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), got);
    return result == 1 ? net::Want::done : want_of(result);
  }

  net::Want write(std::span<const char> from, std::size_t* put) override {
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), from.data(), from.size(), put);
    return result == 1 ? net::Want::done : want_of(result);
  }

  void close_notify() override {
    ERR_clear_error();
    if (!broken_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  }

  std::string version() const override { return SSL_get_version(ssl_.get()); }
  std::string cipher() const override { return SSL_get_cipher_name(ssl_.get()); }
  std::string last_error() const override { return error_; }

  bool is_verified() const {
    return SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
           SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  }

 private:
  net::Want want_of(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return net::Want::read;
      case SSL_ERROR_WANT_WRITE:
        return net::Want::write;
      case SSL_ERROR_ZERO_RETURN:
        return net::Want::closed;
      case SSL_ERROR_SYSCALL:
        broken_ = true;
        return net::Want::closed;
      default:
        break;
    }
    broken_ = true;  // SSL_shutdown() must not be called after a fatal error
    const unsigned long code = ERR_peek_error();
    const bool cut = ERR_GET_LIB(code) == ERR_LIB_SSL &&
                     ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    error_ = take_errors();
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) {
      error_ = concat("certificate not accepted: ", X509_verify_cert_error_string(verified));
    }
    return cut ? net::Want::closed : net::Want::failed;
  }

  Ssl ssl_;
  bool broken_ = false;
  std::string error_;
};

}  // namespace

Bio make_socket_bio(int socket) {
  Bio bio(BIO_new(socket_method()));
  if (bio == nullptr) return bio;
  BIO_set_data(bio.get(), reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio.get(), 1);
  return bio;
}

std::unique_ptr<net::Cipher> make_cipher(Ssl ssl) {
  return std::make_unique<SslCipher>(std::move(ssl));
}

bool is_verified(const net::Cipher& cipher) {
  const auto* const ours = dynamic_cast<const SslCipher*>(&cipher);
  return ours != nullptr && ours->is_verified();
}

std::string take_errors() {
  std::string out;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    append(out, out.empty() ? "" : "; ", reason != nullptr ? reason : "unknown TLS error");
  }
  return out.empty() ? "unknown TLS error" : out;
}

}  // namespace mail::tls
