// `mailwright send`: one message to one server, over the same client session as all mail that
// leaves. Blocks the calling thread. Errors name the step and quote the server's reply:
//   "RCPT TO:<x@yahoo.test>: the server said 550 5.1.1 No such mailbox"
// A message refused for some recipients goes to the others, and the error says so.
// Codes: invalid_argument, unavailable (no connection), closed, deadline_exceeded, tls_failed,
// not_allowed (the server said 5xx), overloaded (4xx: try later), bad_syntax (no SMTP).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mail::ctl {

enum class SendTls : std::uint8_t { none, starttls, implicit };

struct SendRequest {
  std::string server;               // host:port; a name or an address
  SendTls tls = SendTls::starttls;  // starttls is required, not merely tried
  bool verify = true;
  std::filesystem::path ca_file;  // PEM; empty: the system's authorities
  std::string tls_name;           // what the certificate must say; empty: the host of `server`
  std::string login;              // empty: no login
  std::string password;
  std::string from;  // "": the null path
  std::vector<std::string> recipients;
  std::string message;                 // header and body; lines may end in LF or CRLF
  std::string hostname = "localhost";  // said at EHLO
  Milliseconds timeout{60'000};        // for each reply
};

struct SendResult {
  std::string id;     // the server's id of the message; empty where its reply has none
  std::string reply;  // to the final dot
  std::vector<std::string> transcript;  // "C: ..." and "S: ..."; no password
};

// `transcript`, where given, gets the lines also when it fails.
Result<SendResult> send_message(const SendRequest& request, const Clock& clock,
                                std::vector<std::string>* transcript = nullptr);

}  // namespace mail::ctl
