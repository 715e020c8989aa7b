// What a listener is, for the session: settings that do not change while a session lives by them.
// Declared as settings once, in daemon/settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "codec/address/ip_address.h"

namespace mail::smtp {

class BodyMemory;

enum class Role : std::uint8_t { mx, submission, relay };  // design §7, the table of roles
enum class TlsMode : std::uint8_t { none, starttls, implicit };
enum class TraceClient : std::uint8_t { masked, full };  // in Received; submission only
enum class BareLf : std::uint8_t { reject, normalize };  // normalize: relay only
// end_to_end: the next hop's answer is the client's; nothing is queued. Never mx.
enum class Mode : std::uint8_t { store_and_forward, end_to_end };

struct SmtpListener {
  std::string address = "127.0.0.1:0";  // host:port or [v6]:port
  Role role = Role::mx;
  TlsMode tls = TlsMode::starttls;
  Mode mode = Mode::store_and_forward;
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
  // Extensions that are offered, and only then honoured.
  bool pipelining = true;             // RFC 2920
  bool size = true;                   // SIZE (RFC 1870)
  bool eight_bit_mime = true;         // 8BITMIME (RFC 6152)
  bool enhanced_status_codes = true;  // RFC 2034
  bool dsn = true;                    // RFC 3461
  bool smtputf8 = true;               // RFC 6531; not without eight_bit_mime
  bool requiretls = true;             // RFC 8689; under TLS
  bool futurerelease = true;          // submission: RFC 4865
  std::chrono::seconds max_hold{30 * 86'400};
  bool deliverby = true;                    // submission: RFC 2852
  bool mt_priority = true;                  // submission: RFC 6710
  bool chunking = true;                     // CHUNKING (RFC 3030): BDAT
  bool binarymime = true;                   // BINARYMIME (RFC 3030 §3); not without chunking
  BareLf bdat_bare_lf = BareLf::normalize;  // a bare LF in chunks of a message of text
  std::vector<IpNetwork> proxy_from;        // balancers: a PROXY header begins what they send
  bool vrfy = false;                        // VRFY and EXPN answer logins and clients on loopback
  bool expn = false;
  TraceClient trace_client = TraceClient::masked;
  bool from_check = true;  // mx: refuse several From fields

  std::shared_ptr<BodyMemory> body_memory;  // of all listeners together; none: no bound

  bool end_to_end() const { return mode == Mode::end_to_end; }
  // Such a listener offers only what every next hop can be given (security.md 22).
  bool offers_chunking() const { return chunking && !end_to_end(); }
  bool offers_limits() const { return limits && !end_to_end(); }
  bool offers_vrfy() const { return vrfy && !end_to_end(); }
  bool offers_expn() const { return expn && !end_to_end(); }

  bool login_offered() const { return role != Role::mx; }
  bool login_required() const { return role == Role::submission; }
};

constexpr std::string_view to_string(Role role) {
  return role == Role::mx ? "mx" : role == Role::submission ? "submission" : "relay";
}

}  // namespace mail::smtp
