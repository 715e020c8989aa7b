// The content of one parcel, piece by piece, added fields first: from memory, or from the store
// with its checksums. One piece is in memory at a time.
// One task uses it; the parcel and the store outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "service/outbound/courier.h"
#include "service/store/mail_store.h"

namespace mail {

class BodySource {
 public:
  BodySource(MailStore& store, const Parcel& parcel);

  // Makes the next piece be there, unless it is. fetch_now() says whether it could without
  // waiting. Fails as MailStore::read_body() does; store_corrupt also where content is missing.
  bool fetch_now();
  Task<Result<void>> fetch();

  std::string_view piece() const { return piece_; }  // when fetched; until drop()
  bool last() const { return offset_ == parcel_.size; }
  void drop();  // the next may be fetched

  // When the first piece is there. Whether it is all there is; whether the header is not ASCII: one
  // that does not end within the piece is taken for such, where it is asked for at all.
  bool is_whole() const { return last(); }
  bool has_utf8_header() const;

 private:
  Task<Result<std::string>> read();

  MailStore& store_;
  const Parcel& parcel_;
  std::uint64_t offset_ = 0;       // of the content, behind the piece
  std::uint32_t staged_read_ = 0;  // chunks
  bool fetched_ = false;
  std::string buffer_;
  std::string_view piece_;  // into the buffer or the parcel
};

}  // namespace mail
