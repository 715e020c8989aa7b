// What a listener is, for the session: settings that do not change while a session lives by them.
// Declared as settings once, in daemon/settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace mail::smtp {

enum class Role : std::uint8_t { mx, submission, relay };  // design §7, the table of roles
enum class TlsMode : std::uint8_t { none, starttls, implicit };
enum class BareLf : std::uint8_t { reject, normalize };  // normalize: relay only

struct SmtpListener {
  std::string address = "127.0.0.1:0";  // host:port or [v6]:port
  Role role = Role::mx;
  TlsMode tls = TlsMode::starttls;
  bool insecure_auth = false;  // offer AUTH without TLS; loopback listeners only
  std::string hostname;        // greeting and Received
  std::uint64_t max_message_size = (50_MiB).value;
  std::uint32_t max_recipients = 1000;            // RFC 5321 §4.5.3.1.8: never fewer than 100
  std::uint32_t max_messages = 100'000;           // MAIL in one session
  std::uint32_t max_recipient_domains = 100'000;  // in one session
  bool limits = true;                             // LIMITS (RFC 9422): these three are told
  std::uint32_t max_errors = 20;                  // then 421 4.7.0
  std::uint32_t max_junk_commands = 100;  // commands that carry no mail: NOOP, RSET, VRFY, ...
  std::chrono::seconds idle_timeout{300};
  std::chrono::seconds stressed_timeout{10};
  BareLf bare_lf = BareLf::reject;
  bool chunking = true;                     // CHUNKING (RFC 3030): BDAT
  bool binarymime = true;                   // BINARYMIME (RFC 3030 §3); not without chunking
  BareLf bdat_bare_lf = BareLf::normalize;  // a bare LF in chunks of a message of text
  bool vrfy = false;                        // VRFY and EXPN answer logins and clients on loopback
  bool expn = false;
  bool from_check = true;  // mx: refuse several From fields

  bool login_offered() const { return role != Role::mx; }
  bool login_required() const { return role == Role::submission; }
};

constexpr std::string_view to_string(Role role) {
  return role == Role::mx ? "mx" : role == Role::submission ? "submission" : "relay";
}

}  // namespace mail::smtp
