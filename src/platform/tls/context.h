// TLS for streams: what a listener or a client knows of certificates, protocols and suites
// (security.md 44-45). OpenSSL 3 is driven directly on the socket and never waits; platform/net
// does. A context is immutable: a reload makes a new one. Any thread; ciphers belong to one stream.
// Errors: not_found, not_allowed, tls_failed, invalid_argument with a sentence that names the file.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "platform/net/stream.h"
#include "platform/tls/authorities.h"
#include "platform/tls/self_signed.h"

namespace mail::tls {

enum class Suites : std::uint8_t {
  forward_secret,  // port 25: CBC too, for stricter drives peers to plaintext
  aead,            // submission: AEAD with forward secrecy only
};

class Handle;  // of an SSL_CTX

class ServerContext {
 public:
  // `name` binds session tickets to this listener. The certificate file holds the chain, leaf
  // first.
  static Result<std::shared_ptr<const ServerContext>> load(const std::filesystem::path& certificate,
                                                           const std::filesystem::path& key,
                                                           Suites suites, const std::string& name);
  static Result<std::shared_ptr<const ServerContext>> from_pem(const PemPair& pair, Suites suites,
                                                               const std::string& name);
  ~ServerContext();

  Result<std::unique_ptr<net::Cipher>> accept(int socket) const;

 private:
  explicit ServerContext(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

class ClientContext {
 public:
  struct Options {
    bool verify = true;             // the certificate must be the server's, or the handshake fails
    bool examine = false;           // without `verify`: it is looked at, and is_verified() tells
    std::filesystem::path ca_file;  // empty: the system's authorities
    Suites suites = Suites::aead;
    std::shared_ptr<const Authorities> authorities = nullptr;  // shared, instead of ca_file
  };
  static Result<std::shared_ptr<const ClientContext>> make(const Options& options);
  ~ClientContext();

  // `server_name` goes out as SNI and, with verify, must match the certificate; it may be an IP
  // address, which is matched but not sent (RFC 6066 §3).
  Result<std::unique_ptr<net::Cipher>> connect(int socket, const std::string& server_name) const;

 private:
  ClientContext(std::unique_ptr<Handle> handle, std::shared_ptr<const Authorities> authorities,
                bool verify, bool examine);
  std::unique_ptr<Handle> handle_;
  std::shared_ptr<const Authorities> authorities_;  // nothing: nobody looks at certificates
  mutable std::once_flag has_authorities_;
  bool verify_;
  bool examine_;
};

// Whether the certificate of the server was signed by an authority we know, for the name we wanted.
// After the handshake of a cipher of a ClientContext with `verify` or `examine`.
bool is_verified(const net::Cipher& cipher);

}  // namespace mail::tls
