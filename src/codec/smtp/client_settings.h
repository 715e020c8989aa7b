// How a client session deals with one next hop. Does not change while a session lives by it.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace mail::smtp {

enum class HopProtocol : std::uint8_t { smtp, lmtp };  // LMTP: RFC 2033
enum class HopTls : std::uint8_t {
  none,           // also: the second try after a failed handshake (RFC 7435 §3, security.md 28)
  opportunistic,  // where offered
  require,        // or no mail goes
  implicit,       // from the first byte on (RFC 8314)
};

struct ClientTimeouts {  // RFC 5321 §4.5.3.2; for a whole reply, however slowly it drips
  Milliseconds greeting = std::chrono::minutes(5);
  Milliseconds command = std::chrono::minutes(5);  // MAIL, RCPT, and what has none of its own
  Milliseconds data = std::chrono::minutes(2);
  Milliseconds block = std::chrono::minutes(3);  // one piece of content written
  Milliseconds final_dot = std::chrono::minutes(10);
  Milliseconds handshake = std::chrono::minutes(1);
  Milliseconds quit = std::chrono::seconds(5);  // nothing depends on it
};

struct ClientSettings {
  std::string hostname;  // said at EHLO
  HopProtocol protocol = HopProtocol::smtp;
  HopTls tls = HopTls::opportunistic;
  bool login = false;           // the driver is asked how (AskLogin); no mail goes without
  bool login_in_clear = false;  // without TLS a password is anybody's
  ClientTimeouts timeouts;
};

}  // namespace mail::smtp
