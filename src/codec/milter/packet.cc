#include "codec/milter/packet.h"

#include <utility>

#include "base/bytes.h"
#include "base/text.h"

namespace mail::milter {
namespace {

constexpr std::size_t kLengthSize = 4;
constexpr std::uint32_t kOldestVersion = 2;
constexpr std::size_t kMaxText = 400;  // of a reply; SMTP lines have 512 octets

// A string that ends in NUL.
Result<std::string> take_string(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return fail(Errc::bad_syntax, "a string without its end");
  std::string text(bytes.substr(0, end));
  bytes.remove_prefix(end + 1);
  return text;
}

// One line of printable ASCII: the lines of a reply in several are put behind each other.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() == kMaxText) break;
    if (c == '\r' || c == '\n') {
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
    } else {
      out.push_back(c >= 0x20 && c <= 0x7E ? c : '?');
    }
  }
  return std::string(trim(out));
}

// The length of "5.7.1" at the beginning (RFC 3463 §2); 0: none of this class is there.
std::size_t status_size(std::string_view text, char reply_class) {
  if (!text.starts_with(reply_class)) return 0;
  std::size_t at = 1;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at] != '.') return 0;
    const std::size_t begin = ++at;
    while (at < text.size() && at - begin < 3 && is_digit(text[at])) ++at;
    if (at == begin) return 0;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

// "550 5.7.1 words", also in several lines, each with its code. Whoever gave "%" to libmilter
// doubled it.
Result<Reply> parse_reply_code(std::string_view payload) {
  std::string reply(payload.substr(0, payload.find('\0')));
  const auto well_formed = [](std::string_view line) {
    return line.size() >= 3 && (line[0] == '4' || line[0] == '5') && is_digit(line[1]) &&
           is_digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
  };
  if (!well_formed(reply))
    return fail(Errc::bad_syntax, "a reply code that is neither 4xx nor 5xx");
  Refuse refuse;
  refuse.for_good = reply[0] == '5';
  std::string words;
  std::string_view rest = reply;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!well_formed(line)) break;
    line.remove_prefix(std::min<std::size_t>(line.size(), 4));
    const std::size_t status = status_size(trim(line), refuse.for_good ? '5' : '4');
    if (status > 0) {
      refuse.status = trim(line).substr(0, status);
      line = trim(line).substr(status);
    }
    append(words, line, '\n');
  }
  for (std::size_t at = 0; (at = words.find("%%", at)) != std::string::npos; ++at) {
    words.erase(at, 1);
  }
  refuse.text = printable(words);
  return refuse;
}

Result<Reply> parse_header_edit(char code, std::string_view payload) {
  HeaderEdit edit;
  if (code != 'h') {
    if (payload.size() < 4) return fail(Errc::bad_syntax, "a header change without its index");
    edit.kind = code == 'i' ? HeaderEdit::Kind::insert : HeaderEdit::Kind::change;
    edit.index = read_big_endian<std::uint32_t>(payload);
    payload.remove_prefix(4);
  }
  MAIL_TRY(edit.name, take_string(payload));
  MAIL_TRY(edit.value, take_string(payload));
  if (edit.name.empty()) return fail(Errc::bad_syntax, "a header change without a name");
  if (!payload.empty()) return fail(Errc::bad_syntax, "octets behind a header change");
  // libmilter lets 0 stand for the first.
  if (edit.kind == HeaderEdit::Kind::change && edit.index == 0) edit.index = 1;
  return edit;
}

}  // namespace

void append_packet(std::string& out, Command command, std::string_view payload) {
  append_big_endian(out, static_cast<std::uint32_t>(payload.size() + 1));
  out.push_back(static_cast<char>(command));
  out.append(payload);
}

Result<std::optional<Packet>> first_packet(std::string_view bytes) {
  if (bytes.size() < kLengthSize) return std::nullopt;
  const auto length = read_big_endian<std::uint32_t>(bytes);
  if (length == 0) return fail(Errc::bad_syntax, "an empty packet");
  if (length > kMaxReply) return fail(Errc::too_large, concat("a packet of ", length, " octets"));
  if (bytes.size() < kLengthSize + length) return std::nullopt;
  return Packet{bytes[kLengthSize], bytes.substr(kLengthSize + 1, length - 1),
                kLengthSize + length};
}

Result<Reply> parse_reply(const Packet& packet) {
  switch (packet.code) {
    case 'p':
      return Progress{};
    case 'c':
      return CarryOn{};
    case 's':
      return SkipRest{};
    case 'a':
      return AcceptRest{};
    case 'd':
      return Drop{};
    case 'r':
      return Refuse{true, "", ""};
    case 't':
    case 'f':  // the connection is to fail
    case '4':  // the connection is to end
      return Refuse{false, "", ""};
    case 'y':
      return parse_reply_code(packet.payload);
    case 'q':
      return Quarantine{printable(packet.payload.substr(0, packet.payload.find('\0')))};
    case 'h':
    case 'i':
    case 'm':
      return parse_header_edit(packet.code, packet.payload);
    case 'b':
      return fail(Errc::not_allowed, "it wants to change the body");
    case '+':
    case '-':
    case '2':
      return fail(Errc::not_allowed, "it wants to change the recipients");
    case 'e':
      return fail(Errc::not_allowed, "it wants to change the sender");
    default:
      return fail(Errc::bad_syntax, "a reply of an unknown kind");
  }
}

Result<Options> parse_options(const Packet& packet) {
  if (packet.code != static_cast<char>(Command::negotiate) || packet.payload.size() < 12) {
    return fail(Errc::bad_syntax, "no answer to the negotiation");
  }
  const std::string_view payload = packet.payload;  // lists of macros may follow
  const Options options{read_big_endian<std::uint32_t>(payload),
                        read_big_endian<std::uint32_t>(payload.substr(4)),
                        read_big_endian<std::uint32_t>(payload.substr(8))};
  if (options.version < kOldestVersion || options.version > kVersion) {
    return fail(Errc::bad_syntax, concat("it speaks version ", options.version));
  }
  if ((options.actions & ~kOfferedActions) != 0) {
    return fail(Errc::not_allowed, "it wants to change the body, the sender or recipients");
  }
  if ((options.steps & ~kOfferedSteps) != 0) {
    return fail(Errc::not_allowed, "it asks for steps that were not offered");
  }
  return options;
}

}  // namespace mail::milter
