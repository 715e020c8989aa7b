// The client's side of a SASL exchange (RFC 4422), for logging in to a next hop. Protocols differ
// in how they frame challenges and responses; here both are plain bytes, after base64. Pure, but
// for SCRAM, which platform/gsasl makes; service/auth/client_mechanisms.h chooses one. An object
// serves one exchange, on one thread at a time. Responses hold secrets: wipe() them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::sasl {

// How a driver uses it:
//   sends_first():      AUTH name base64(step("")), with "=" for an empty response (RFC 4954 §4)
//   else:               AUTH name
//   "334 challenge":    step(decoded challenge), its result encoded; on an error say "*"
//                       and give the login up with the error's code
//   "235":              the login stands only if is_complete(): a server that says so before it has
//                       proved that it knows the password (SCRAM) is not to be trusted
class ClientMechanism {
 public:
  virtual ~ClientMechanism() = default;
  ClientMechanism() = default;
  ClientMechanism(const ClientMechanism&) = delete;
  ClientMechanism& operator=(const ClientMechanism&) = delete;

  virtual std::string_view name() const = 0;  // as in EHLO's AUTH line
  virtual bool sends_first() const = 0;
  // bad_syntax: the challenge makes no sense; not_allowed: the server refuses or is not the one
  // it should be; invalid_argument: user or password can not be said in this mechanism.
  virtual Result<std::string> step(std::string_view challenge) = 0;
  virtual bool is_complete() const = 0;
};

struct ClientCredentials {
  std::string user;
  std::string password;   // or the token, where is_token
  bool is_token = false;  // OAuth 2.0 bearer token
};

// HMAC-MD5 (RFC 2104), for CRAM-MD5: codec/ has no digests of its own.
using HmacMd5 = std::array<std::uint8_t, 16> (*)(std::string_view key, std::string_view bytes);

std::unique_ptr<ClientMechanism> plain_client(ClientCredentials credentials);  // RFC 4616
std::unique_ptr<ClientMechanism> login_client(ClientCredentials credentials);  // draft-murchison
std::unique_ptr<ClientMechanism> cram_md5_client(ClientCredentials credentials,
                                                 HmacMd5 hmac);                      // RFC 2195
std::unique_ptr<ClientMechanism> oauthbearer_client(ClientCredentials credentials);  // RFC 7628
std::unique_ptr<ClientMechanism> xoauth2_client(ClientCredentials credentials);      // Google's

}  // namespace mail::sasl
