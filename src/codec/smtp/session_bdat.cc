// BDAT (RFC 3030 §2): content in chunks of a size told before. Whatever becomes of a chunk, its
// octets are taken and never read as commands; where the size itself can not be read, the
// connection ends.
#include <algorithm>
#include <utility>

#include "codec/smtp/server_session.h"

namespace mail::smtp {

namespace {
constexpr std::uint32_t kMaxChunks = 10'000;    // of a message (security.md §3)
constexpr std::uint64_t kSmallestChunk = 1024;  // smaller ones carry little but work
}  // namespace

void ServerSession::on_bdat(std::string_view argument, std::optional<Reply> refusal) {
  const auto chunk = parse_bdat(argument);
  if (!chunk) return refuse_and_close(kBadChunk);
  if (chunk->size < kSmallestChunk && (!chunk->last || chunk_failed_) && is_junk()) return;
  if (!refusal) refusal = why_no_chunk(*chunk);
  in_chunk_ = true;
  bdat_ = *chunk;
  wire_size_ = 0;
  if (refusal) return swallow_chunk(*refusal);
  ++chunks_;
  if (phase_ == Phase::chunks) return begin_chunk();
  lines_ = ChunkLines(listener_->bdat_bare_lf);
  ask(Waiting::data, AskData{room_for_content()});
}

std::optional<Reply> ServerSession::why_no_chunk(const BdatChunk& chunk) const {
  if (!listener_->offers_chunking()) return kBdatOff;
  if (phase_ == Phase::connected) return kHelloFirst;
  if (phase_ == Phase::greeted) return chunk_failed_ ? kChunkFailed : kMailFirst;
  if (phase_ == Phase::mail) return kRecipientFirst;
  if (chunks_ >= kMaxChunks) return kTooManyChunks;
  if (chunk.size > listener_->max_message_size - content_size_) return kTooLarge;
  return std::nullopt;
}

void ServerSession::begin_chunk() {
  phase_ = Phase::data;
  began_ = now_;
  wire_size_ = 0;
  if (bdat_.size == 0) on_end_of_chunk();
}

// RFC 3030 §2: the octets of a refused chunk are taken before the reply. A message without one of
// its chunks is none: the transaction ends, and with it the chunks that are on their way already.
void ServerSession::swallow_chunk(Reply reply) {
  const std::uint64_t size = wire_size_ + bdat_.size;  // all of it, wherever its fault was seen
  refusal_counts_ = !chunk_failed_;  // RFC 2920: those on their way are no errors of their own
  end_transaction();
  chunk_failed_ = true;
  chunk_refusal_ = reply;
  // So much in vain that the connection is worth less than the octets (security.md §3).
  const std::uint64_t patience = 2 * listener_->max_message_size + kStageChunk;
  if (size > patience || swallowed_ + size > patience) return refuse_and_close(reply);
  swallowed_ += size;
  behind_swallowed_ = phase_;
  begin_chunk();
}

// Takes what belongs to the chunk, or until a chunk to be staged is full.
std::size_t ServerSession::take_chunk(std::string_view input) {
  std::size_t taken = std::min<std::uint64_t>(input.size(), bdat_.size);
  if (!chunk_refusal_) {
    const std::size_t room = kStageChunk + 1 - std::min(filling().size(), kStageChunk);
    taken = std::min(taken, room);
    keep_chunk(input.substr(0, taken));
    if (phase_ == Phase::closed) return taken;
  }
  wire_size_ += taken;
  bdat_.size -= taken;
  if (bdat_.size == 0) on_end_of_chunk();
  return taken;
}

void ServerSession::keep_chunk(std::string_view piece) {
  std::string& chunk = filling();
  const std::size_t before = chunk.size();
  if (transaction_.options.body == BodyType::binary_mime) {
    chunk.append(piece);  // bit for bit (RFC 3030 §3)
  } else {
    lines_.feed(piece, &chunk);
  }
  content_size_ += chunk.size() - before;
  // The fault that comes first is told, however the stream was cut; damage is the last octet's.
  const std::uint64_t sound = content_size_ - (lines_.damaged() ? 1 : 0);
  if (sound > listener_->max_message_size) return swallow_chunk(kTooLarge);
  if (lines_.damaged()) return swallow_chunk(kBareLineEndInChunk);
  roll_chunks();
}

void ServerSession::on_end_of_chunk() {
  in_chunk_ = false;
  if (chunk_refusal_) return on_chunk_swallowed();
  if (!bdat_.last) {
    phase_ = Phase::chunks;
    return send(kChunkTaken);
  }
  if (lines_.ends_in_cr()) {
    end_transaction();
    return refuse(kBareLineEndInChunk);
  }
  ask_commit();
}

void ServerSession::on_chunk_swallowed() {
  const std::optional<Reply> reply = std::exchange(chunk_refusal_, std::nullopt);
  MAIL_ASSERT(reply.has_value());
  phase_ = behind_swallowed_;
  if (!refusal_counts_) return send(*reply);
  if (reply->is_permanent()) return refuse(*reply);
  postpone(*reply);
}

}  // namespace mail::smtp
