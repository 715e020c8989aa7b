#include "codec/clamd/clamd.h"

#include <cstdint>

#include "base/bytes.h"
#include "base/text.h"

namespace mail::clamd {
namespace {

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out.push_back(c >= 0x20 && c <= 0x7E ? c : '?');
  return out;
}

bool cut_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

}  // namespace

void append_start(std::string& out) { out.append("zINSTREAM").push_back('\0'); }

void append_piece(std::string& out, std::string_view piece) {
  if (piece.empty()) return;  // an empty piece would be the end
  append_big_endian(out, static_cast<std::uint32_t>(piece.size()));
  out.append(piece);
}

void append_end(std::string& out) { append_big_endian(out, std::uint32_t{0}); }

Result<std::optional<Answer>> parse_answer(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) {
    if (bytes.size() < kMaxAnswer) return std::nullopt;
    return fail(Errc::bad_syntax, "an answer without its end");
  }
  std::string_view line = bytes.substr(0, end);
  if (cut_end(line, " ERROR")) {
    const bool over = line.contains("size limit exceeded");
    return fail(over ? Errc::too_large : Errc::unavailable,
                concat("clamd says: ", printable(line)));
  }
  if (!line.starts_with("stream: ")) return fail(Errc::bad_syntax, "an answer of another command");
  line.remove_prefix(8);
  if (line == "OK") return Answer{};
  if (!cut_end(line, " FOUND") || line.empty()) {
    return fail(Errc::bad_syntax, concat("an unknown answer: ", printable(line)));
  }
  return Answer{printable(line)};
}

}  // namespace mail::clamd
