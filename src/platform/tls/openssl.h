// OpenSSL's objects with owners, and its error queue as text. For the .cc files of this folder.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <future>
#include <memory>
#include <string>

#include "platform/net/stream.h"
#include "platform/tls/authorities.h"

namespace mail::tls {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using CertificateStore = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;

class Handle {
 public:
  explicit Handle(SslContext context) : context_(std::move(context)) {}
  SSL_CTX* get() const { return context_.get(); }

 private:
  SslContext context_;
};

struct Authorities::Impl {
  std::shared_future<std::shared_ptr<X509_STORE>> store;
};

std::string take_errors();  // empties the thread's error queue

// A BIO over a socket that never raises SIGPIPE; does not own it.
Bio make_socket_bio(int socket);

std::unique_ptr<net::Cipher> make_cipher(Ssl ssl);

}  // namespace mail::tls
