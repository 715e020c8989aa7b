// The first byte says where to cut and what to do with bare LF: the outcome is that of the whole,
// agrees with a plain model that looks at every byte, and no undamaged body has a bare CR or LF.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "codec/smtp/dot_decoder.h"

namespace {

using mail::smtp::BareLf;
using mail::smtp::DotDecoder;

struct Outcome {
  std::string body;
  std::size_t taken = 0;
  bool done = false;
  bool damaged = false;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view wire, std::size_t step, BareLf bare_lf) {
  DotDecoder decoder(bare_lf);
  Outcome out;
  while (out.taken < wire.size() && !decoder.done()) {
    const std::string_view piece = wire.substr(out.taken, step);
    const std::size_t taken = decoder.feed(piece, &out.body);
    MAIL_ASSERT(taken == piece.size() || decoder.done());
    out.taken += taken;
  }
  out.done = decoder.done();
  out.damaged = decoder.damaged();
  if (out.damaged) out.body.clear();
  return out;
}

// RFC 5321 read aloud: find CRLF.CRLF, then look at what stands before it.
Outcome model(std::string_view wire, BareLf bare_lf) {
  Outcome out;
  const std::string all = "\r\n" + std::string(wire);
  const std::size_t end = all.find("\r\n.\r\n");
  out.done = end != std::string::npos;
  out.taken = out.done ? end + 3 : wire.size();
  const std::string_view text = std::string_view(all).substr(2, out.done ? end : wire.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_begins = i == 0 || (i > 1 && text[i - 1] == '\n' && text[i - 2] == '\r');
    if (line_begins && text[i] == '.') continue;
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] != '\n') out.damaged = true;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) {
      if (bare_lf == BareLf::reject) out.damaged = true;
      out.body.push_back('\r');
    }
    out.body.push_back(text[i]);
  }
  if (out.damaged) out.body.clear();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const BareLf bare_lf = (data[0] & 1) != 0 ? BareLf::normalize : BareLf::reject;
  const Outcome whole = decode(wire, wire.size() + 1, bare_lf);
  MAIL_ASSERT(decode(wire, 1U + (data[0] >> 1), bare_lf) == whole);
  const Outcome expected = model(wire, bare_lf);
  MAIL_ASSERT(whole.done == expected.done && whole.taken == expected.taken);
  if (whole.done) MAIL_ASSERT(whole == expected);
  return 0;
}
