#include "platform/zlib/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace mail::gzip {
namespace {

constexpr int kGzip = 16 + MAX_WBITS;
constexpr std::size_t kPiece = std::size_t{64} << 10;

Bytef* octets(std::string_view bytes) {  // zlib takes its input without const, and leaves it alone
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

}  // namespace

std::string compress(std::string_view bytes) {
  z_stream stream{};
  MAIL_ASSERT(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) ==
              Z_OK);
  MAIL_ASSERT(bytes.size() < std::numeric_limits<uInt>::max());
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = octets(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  MAIL_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result<std::string> decompress(std::string_view bytes, std::size_t max_size) {
  if (bytes.size() >= std::numeric_limits<uInt>::max()) return fail(Errc::too_large, "gzip file");
  z_stream stream{};
  MAIL_ASSERT(inflateInit2(&stream, kGzip) == Z_OK);
  stream.next_in = octets(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<Bytef, kPiece> piece;
  int status = Z_OK;
  while (status == Z_OK && out.size() <= max_size) {
    stream.next_out = piece.data();
    stream.avail_out = static_cast<uInt>(piece.size());
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
    if (status == Z_STREAM_END && stream.avail_in > 0) status = inflateReset(&stream);
  }
  inflateEnd(&stream);
  if (out.size() > max_size) return fail(Errc::too_large, "gzip file holds too much");
  if (status != Z_STREAM_END) return fail(Errc::bad_syntax, "gzip file is damaged");
  return out;
}

}  // namespace mail::gzip
