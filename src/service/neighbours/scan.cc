#include "service/neighbours/scan.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace mail {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;  // so much waits to be sent

}  // namespace

void Scan::lose(Error error) {
  failed_ = true;
  failure_ = std::move(error);
  line_.reset();
  std::string().swap(out_);
}

Result<bool> Scan::listen(std::string_view bytes) {
  Result<bool> said = consume(bytes);
  too_large_ |= !said && said.error().code == Errc::too_large;
  return said;
}

// Whoever hangs up on us may have said why.
Task<Result<void>> Scan::hear_why(Error error, MonoTime deadline) {
  if (error.code == Errc::closed) {
    const auto bytes = co_await line_->receive(deadline);
    if (bytes) MAIL_CO_TRY(listen(*bytes));
  }
  co_return std::unexpected(std::move(error));
}

Task<Result<void>> Scan::flush(MonoTime deadline) {
  if (line_ == nullptr) {
    MAIL_CO_TRY(line_, co_await neighbour_.open(deadline));
  }
  auto sent = co_await line_->send(std::exchange(out_, {}), deadline);
  if (!sent) co_return co_await hear_why(std::move(sent).error(), deadline);
  co_return sent;
}

Task<void> Scan::take(std::string_view piece) {
  while (!failed_ && !piece.empty()) {
    const std::string_view part = piece.substr(0, kPiece);
    piece.remove_prefix(part.size());
    size_ += part.size();
    if (size_ > neighbour_.settings().max_size) {
      too_large_ = true;
      lose({Errc::too_large, concat("over its max_size of ", neighbour_.settings().max_size)});
      co_return;
    }
    append_piece(out_, part);
    if (out_.size() < kPiece) continue;
    if (auto sent = co_await flush(neighbour_.deadline()); !sent) lose(std::move(sent).error());
  }
}

Task<void> Scan::header(std::string_view block) {
  on_header(block);
  append_begin(out_);
  co_await take(block);
  co_await take("\r\n");
}

Task<void> Scan::body(std::string_view piece) { return take(piece); }

Task<Result<void>> Scan::finish() {
  const MonoTime deadline = neighbour_.deadline();
  append_end(out_);
  MAIL_CO_TRY(co_await flush(deadline));
  for (bool whole = false; !whole;) {
    auto bytes = co_await line_->receive(deadline);
    if (!bytes) {
      if (bytes.error().code != Errc::closed) co_return std::unexpected(std::move(bytes).error());
      co_return on_closed(std::move(bytes).error());
    }
    MAIL_CO_TRY(whole, listen(*bytes));
  }
  co_return Result<void>{};
}

Task<Verdict> Scan::message(Draft& draft) {
  if (!failed_) {
    if (auto finished = co_await finish(); !finished) lose(std::move(finished).error());
  }
  line_.reset();
  if (!failed_) {
    Result<Verdict> verdict = conclude(draft);
    if (verdict) co_return *std::move(verdict);
    lose(std::move(verdict).error());
  }
  if (!too_large_) co_return neighbour_.away(failure_);
  // Nothing is wrong with the neighbour, and no later try would be smaller.
  log::info("judge.not_scanned",
            {{"judge", name()}, {"id", draft.id.to_string()}, {"reason", failure_.detail}});
  co_return Accept{.added_fields = {}, .tags = {concat(name(), " not scanned")}, .folder = {}};
}

void Scan::end_transaction() {
  line_.reset();
  failed_ = false;
  std::string().swap(out_);
  size_ = 0;
  too_large_ = false;
  forget();
}

}  // namespace mail
