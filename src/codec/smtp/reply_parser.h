// What an SMTP server answers, as a value (RFC 5321 §4.2), and the parser that a client feeds.
// Bounded: a server that never ends its reply is found out, not remembered (security.md 27).
// Pure; owns what it keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mail::smtp {

inline constexpr std::size_t kMaxReplyLines = 100;
inline constexpr std::size_t kMaxServerLine = 2048;  // without its line end

struct ServerReply {
  std::uint16_t code = 0;          // 200 to 599
  std::vector<std::string> lines;  // as they came, code included; control bytes became '?'

  int kind() const { return code / 100; }  // 2 done, 3 go on, 4 not now, 5 never
  // RFC 3463 code of the first line: "5.1.1". Empty where there is none, or where its class is not
  // that of the reply, which decides (RFC 2034 §4).
  std::string_view enhanced() const;
  std::string text() const;  // all lines: "452-4.3.1 full / 452 4.3.1 really"
};
// What a line says behind its code.
std::string_view words_of(std::string_view reply_line);

class ReplyParser {
 public:
  enum class State : std::uint8_t {
    reading,
    done,       // take() has the reply
    no_reply,   // a line that is none; bad_line() is it
    too_large,  // more lines, or a longer one, than is good
  };
  // Takes input up to the end of one reply; returns how much it took. Takes nothing unless reading.
  std::size_t feed(std::string_view input);
  State state() const { return state_; }
  ServerReply take();  // when done; the next reply may begin
  const std::string& bad_line() const { return line_; }

 private:
  void on_line();

  State state_ = State::reading;
  std::string line_;  // the beginning of one whose end has not come
  ServerReply reply_;
};

}  // namespace mail::smtp
