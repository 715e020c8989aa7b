// A conversation with a mail filter as a pure machine, the MTA's side: events in, bytes out,
// replies in, decisions out. One per SMTP connection, any number of messages one behind the other.
//
// Call protocol: after each event write take_output(); while waits() read and consume() what came;
// then decision() is the filter's word on that event. No event may be told while it waits.
// Events that the filter does not want, or that come behind its last word on a message, tell
// nothing. After consume() has failed only the destructor may be called.
// Not thread-safe; owns all it keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "codec/address/ip_address.h"
#include "codec/milter/packet.h"

namespace mail::milter {

// What a filter may look up by name: "i", "{auth_authen}". Empty ones are not told.
struct Macro {
  std::string_view name;
  std::string_view value;
};
using Macros = std::span<const Macro>;

using Decision = std::variant<CarryOn, Drop, Refuse>;

// At the end of a message.
struct Wishes {
  std::vector<HeaderEdit> edits;
  std::optional<std::string> quarantine;  // why the message is to be held
};

class Session {
 public:
  void negotiate();  // the first event
  void connect(const IpAddress& client, std::uint16_t port, Macros macros);
  void helo(std::string_view name, Macros macros);
  void mail(std::string_view path, Macros macros);  // "<tom@gmail.test>"; begins a message
  void rcpt(std::string_view path, Macros macros);
  void data(Macros macros);
  // `value`: all that stands behind the colon but the final CRLF.
  void header(std::string_view name, std::string_view value);
  void end_of_header(Macros macros);
  void body(std::string_view piece);  // at most kMaxBodyPiece
  void end_of_message(Macros macros);
  void abort();  // the message under way is over; the filter hears of it with the next event
  void quit();

  std::string take_output();
  bool waits() const { return asked_ != Event::none; }
  Result<void> consume(std::string_view bytes);  // cut anywhere

  const Decision& decision() const { return decision_; }
  bool wants_headers() const { return tells(kNoHeaders); }
  bool wants_body() const { return tells(kNoBody) && !skip_body_; }
  Wishes take_wishes();

 private:
  enum class Event : std::uint8_t { none, negotiate, connection, rcpt, body, end, other };

  bool tells(std::uint32_t unwanted) const {
    return !connection_over_ && !message_over_ && (options_.steps & unwanted) == 0;
  }
  void tell(Event event, Command command, std::string_view payload, std::uint32_t unanswered);
  void tell_macros(Command of, Macros macros);
  Result<void> on_reply(Reply reply);

  Options options_;
  std::string out_;
  std::string in_;
  Event asked_ = Event::none;
  Decision decision_;
  Decision connection_decision_;  // what it said of the connection holds for each message
  Wishes wishes_;
  std::size_t wished_octets_ = 0;
  bool connection_over_ = false;  // the filter takes all that comes, or nothing
  bool message_over_ = false;     // it has said its last word on this message
  bool in_message_ = false;
  bool skip_body_ = false;
};

}  // namespace mail::milter
