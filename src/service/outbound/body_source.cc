#include "service/outbound/body_source.h"

#include <algorithm>

#include "base/text.h"
#include "codec/address/utf8.h"

namespace mail {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{128} << 10;

}  // namespace

BodySource::BodySource(MailStore& store, const Parcel& parcel) : store_(store), parcel_(parcel) {
  MAIL_ASSERT(parcel.content == nullptr || parcel.content->size() == parcel.size);
}

bool BodySource::fetch_now() {
  if (fetched_) return true;
  if (parcel_.content == nullptr) return false;
  const std::string_view rest = std::string_view(*parcel_.content).substr(offset_, kPiece);
  if (offset_ == 0) {
    buffer_.reserve(parcel_.added_fields.size() + rest.size());
    append(buffer_, parcel_.added_fields, rest);
    piece_ = buffer_;
  } else {
    piece_ = rest;
  }
  offset_ += rest.size();
  fetched_ = true;
  return true;
}

Task<Result<void>> BodySource::fetch() {
  if (fetch_now()) co_return Result<void>{};
  buffer_ = offset_ == 0 ? parcel_.added_fields : std::string();
  do {  // at least a piece, so that small chunks do not become small writes
    if (last()) break;
    MAIL_CO_TRY(const std::string chunk, co_await read());
    if (chunk.empty() || chunk.size() > parcel_.size - offset_) {
      co_return fail(Errc::store_corrupt,
                     concat("the content of ", parcel_.key.message.to_string(), " has not the ",
                            parcel_.size, " octets of its envelope"));
    }
    offset_ += chunk.size();
    buffer_ += chunk;
  } while (buffer_.size() < kPiece);
  piece_ = buffer_;
  fetched_ = true;
  co_return Result<void>{};
}

Task<Result<std::string>> BodySource::read() {
  if (parcel_.staged_chunks == 0) co_return co_await store_.read_body(parcel_.body, offset_);
  co_return co_await store_.read_staged(parcel_.key.message, ++staged_read_);
}

void BodySource::drop() {
  fetched_ = false;
  piece_ = {};
}

bool BodySource::has_utf8_header() const {
  if (!parcel_.options.smtputf8) return false;
  const std::size_t end = piece_.find("\r\n\r\n");
  if (end == std::string_view::npos && !last()) return true;
  return !is_ascii(piece_.substr(0, end));
}

}  // namespace mail
