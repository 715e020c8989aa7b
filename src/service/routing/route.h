// Where mail for a recipient goes (design §7, Routes): by recipient domain, sender domain, default.
// Immutable; any thread; shared by pointer, so that what is under way keeps the route it began
// with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address/address.h"
#include "codec/smtp/client_settings.h"

namespace mail {

// How to log in at a next hop. Exactly one of password and the two ways to a token.
struct RouteLogin {
  std::string user;
  std::string password;                    // read from its file when the configuration is loaded
  std::vector<std::string> token_command;  // argv; prints an access token for XOAUTH2
  std::string token_url;  // https; a refresh token is changed for an access token (RFC 6749 §6)
  std::string client_id;
  std::string client_secret;
  std::string refresh_token;
};

struct Route {
  enum class Kind : std::uint8_t { mx, smtp, lmtp, local, hold, discard };
  Kind kind = Kind::mx;
  std::string to = "mx";  // as configured, in one spelling: "smtp://127.0.0.1:2600"; names queues
  std::string host;       // smtp, lmtp: a name or an address without brackets
  std::uint16_t port = 25;
  std::filesystem::path unix_path;  // lmtp; then host is empty
  smtp::HopTls tls = smtp::HopTls::opportunistic;
  bool verify = false;  // the certificate must be the host's (tls = "verify")
  std::optional<RouteLogin> login;
  std::string source;  // our address for this hop, v4 or v6; "": the system's choice
  std::string helo;    // what we are called there; "": the hostname
};

// Whether both say the same of how to deal with which hop, whatever pointer says so.
bool same_way(const Route& a, const Route& b);

class Routes {
 public:
  Routes();                                                                 // everything by MX
  Routes(std::map<std::string, std::shared_ptr<const Route>> by_recipient,  // lower case; "*"
         std::map<std::string, std::shared_ptr<const Route>> by_sender);

  // Never null. `sender_domain` is "" for the null path. Local domains are the directory's, which
  // is asked before.
  const std::shared_ptr<const Route>& find(std::string_view recipient_domain,
                                           std::string_view sender_domain) const;
  const std::map<std::string, std::shared_ptr<const Route>>& by_recipient() const {
    return by_recipient_;
  }
  const std::map<std::string, std::shared_ptr<const Route>>& by_sender() const {
    return by_sender_;
  }

 private:
  std::map<std::string, std::shared_ptr<const Route>> by_recipient_;
  std::map<std::string, std::shared_ptr<const Route>> by_sender_;
  std::shared_ptr<const Route> mx_;
};

}  // namespace mail
