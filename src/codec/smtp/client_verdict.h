// What became of a recipient, or of a connection, at a next hop. Pure values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::smtp {

// How far a client session is: what the next reply answers, or whom the session waits for.
enum class Stage : std::uint8_t {
  connect,    // the driver's, before there is a session
  handshake,  // waits for the driver to do TLS
  greeting,
  hello,
  starttls,
  login,
  ready,  // waits for the driver's next mail
  reset,
  mail,
  recipient,
  envelope,  // waits for the driver's next recipient, or for begin_body()
  data,
  body,  // waits for the driver's content
  final_dot,
  quit,
  closed,
};
std::string_view to_string(Stage stage);  // "final dot"

struct Verdict {
  enum class Kind : std::uint8_t {
    accepted,
    deferred,  // may go later, or at another host
    rejected,  // will never go
  };
  enum class Cause : std::uint8_t {
    reply,      // the server's word; all others are ours
    silence,    // a deadline of RFC 5321 §4.5.3.2 passed
    closed,     // the connection was gone
    no_smtp,    // what came was no reply, or one that does not belong there
    tls,        // required and not to be had, or it failed
    login,      // no way to log in
    unfit,      // the hop can not take such a message, or nobody can write such an address
    abandoned,  // the driver gave up
  };
  Kind kind = Kind::deferred;
  Cause cause = Cause::reply;
  Stage stage = Stage::mail;  // where it was decided
  std::uint16_t code = 0;     // of the reply; 0: none came
  std::string enhanced;       // "5.1.1": the server's where it gave a fitting one, else ours
  std::string text;           // all lines of the reply, code included: "250 2.0.0 Ok"; or our words
};

}  // namespace mail::smtp
