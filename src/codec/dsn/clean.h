// Text from outside made fit for a field or a line of a notice, and the encodings that takes
// (RFC 2045 §6.7, RFC 2047, RFC 3629, RFC 6533 §3). Pure, linear in the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mail::dsn {

// RFC 5322 §2.1.1, CRLF not counted.
inline constexpr std::size_t kMaxLine = 998;

// One line of valid UTF-8: controls and runs of white space become one space, broken sequences and
// the characters that turn the direction of writing a question mark; cut to `max` octets.
std::string clean_text(std::string_view text, std::size_t max);
// The same, but spaces stay as they are: a quoted local part may hold several.
std::string clean_address(std::string_view text);
// What is no host name or address literal becomes a question mark.
std::string clean_host(std::string_view text);
// Each character beyond ASCII becomes a question mark. `text` is clean.
std::string as_ascii(std::string_view text);

// Appends `text` to the line `out` ends with, broken at spaces before column 76 where that can be
// done and in any case before kMaxLine; each further line starts with `indent` instead of the
// space. With the indent " " that is the folding of RFC 5322 §2.2.3.
void append_wrapped(std::string& out, std::string_view text, std::string_view indent);
// "Name: value", folded, with CRLF.
void append_field(std::string& out, std::string_view name, std::string_view value);

// RFC 2047: as it is when ASCII, else words of base64 with a space between.
std::string encode_words(std::string_view clean);
// The other way, to show a Subject to a person: words in UTF-8, ASCII and Latin-1; others stay.
std::string decode_words(std::string_view text);

// RFC 2045 §6.7. CRLF is a line break, a CR or LF alone is data. Ends with CRLF.
std::string quoted_printable(std::string_view text);
// RFC 6533 §3, utf-8-addr-xtext: "\x{E9}" for what is not a QCHAR. `text` is clean.
std::string unitext(std::string_view text);

// Which Content-Transfer-Encoding content needs, without a change to it (RFC 2045 §2.7-2.9).
enum class Shape { seven_bit, eight_bit, binary };
Shape shape_of(std::string_view content);

}  // namespace mail::dsn
