// DATA (RFC 5321 §4.1.1.4): the content streams in, the first chunk stays here, full ones behind it
// go out to where the body will live.
#include <algorithm>
#include <utility>

#include "codec/smtp/server_session.h"

namespace mail::smtp {

namespace {
// What SIZE= promises is believed up to here: a declaration costs the client nothing.
constexpr std::size_t kMaxReserve = std::size_t{64} << 10;
constexpr std::size_t kFirstReserve = std::size_t{8} << 10;
}  // namespace

void ServerSession::on_data(std::string_view argument) {
  if (phase_ == Phase::connected) return refuse(kHelloFirst);
  if (phase_ == Phase::greeted) return refuse(kMailFirst);
  if (phase_ == Phase::mail) return refuse(kRecipientFirst);  // RFC 2920 §3.2 (3)
  if (!argument.empty()) return refuse(kBadArguments);
  if (phase_ == Phase::chunks) return refuse(kDataAfterChunk);  // RFC 3030 §2
  if (transaction_.options.body == BodyType::binary_mime)
    return refuse(kBinaryByData);  // RFC 3030 §3
  ask(Waiting::data, AskData{room_for_content()});
}

// What is reserved for the first chunk; it grows where that is not enough.
std::size_t ServerSession::room_for_content() const {
  const std::uint64_t expected =
      transaction_.declared_size.value_or(in_chunk_ ? bdat_.size : kFirstReserve);
  return std::min<std::uint64_t>(expected, kMaxReserve) + 2;
}

void ServerSession::answer(DataVerdict verdict) {
  if (!answered(Waiting::data)) return;
  if (verdict.kind == DataVerdict::Kind::no_eight_bit) {  // RFC 6152 §3; never by BDAT
    end_transaction();
    refuse(kNoEightBit);
    return settle();
  }
  if (verdict.kind == DataVerdict::Kind::accept && !body_memory_.take(listener_->body_memory)) {
    verdict.kind = DataVerdict::Kind::storage_full;
  }
  if (verdict.kind != DataVerdict::Kind::accept) {
    const Reply reply = verdict.kind == DataVerdict::Kind::storage_full ? kStorageFull : kTryLater;
    if (in_chunk_) {
      swallow_chunk(reply);
    } else {
      end_transaction();
      postpone(reply);
    }
    return settle();
  }
  content_ = std::move(verdict.trace_fields);
  trace_size_ = content_.size();
  content_.reserve(trace_size_ + room_for_content());
  if (in_chunk_) {
    // Not while stopping: a chunk of no octets may ask for the commit, which must be waited for.
    if (!stopping_) begin_chunk();
    return settle();
  }
  decoder_ = DotDecoder(listener_->role == Role::relay ? listener_->bare_lf : BareLf::reject);
  phase_ = Phase::data;
  began_ = now_;
  wire_size_ = 0;
  send(kSendData);
  settle();
}

// Takes up to the end of the data, or until a chunk is full.
std::size_t ServerSession::take_body(std::string_view input) {
  std::string& chunk = filling();
  // One more than fits: a chunk goes out only when it is known not to be the last.
  const std::size_t room = kStageChunk + 1 - std::min(chunk.size(), kStageChunk);
  const std::size_t before = chunk.size();
  const std::uint64_t patience = 2 * listener_->max_message_size + kStageChunk - wire_size_;
  const std::size_t most = std::min<std::uint64_t>(room, patience + 1);
  const std::size_t taken = decoder_.feed(input.substr(0, most), &chunk);
  content_size_ += chunk.size() - before;
  wire_size_ += taken;
  if (too_large_ || decoder_.damaged()) {
    chunk_ = {};  // it will be refused: only its end is still wanted
    content_.resize(std::min(content_.size(), trace_size_));
  } else if (content_size_ > listener_->max_message_size) {
    too_large_ = true;
  }
  // Who is told no after the last dot only is told earlier when there seems to be no dot.
  if (taken > patience && !decoder_.done()) {
    refuse_and_close(decoder_.damaged() ? kBareLineEnd : kTooLarge);
    return taken;
  }
  roll_chunks();
  if (decoder_.done()) on_end_of_data();
  return taken;
}

void ServerSession::roll_chunks() {
  if (content_.size() > kStageChunk) {
    chunk_.reserve(kStageChunk + 2);
    chunk_.assign(content_, kStageChunk);
    content_.resize(kStageChunk);
  }
  while (chunk_.size() > kStageChunk) {  // line feeds may have become twice as many octets
    std::string more;
    more.reserve(kStageChunk + 2);
    more.append(chunk_, kStageChunk);
    chunk_.resize(kStageChunk);
    act(StageBody{std::exchange(chunk_, std::move(more))});
    staged_ = true;
  }
}

void ServerSession::on_end_of_data() {
  // Damage first: who can not be trusted with line ends is not to go on talking (security.md §3).
  if (decoder_.damaged()) return refuse_and_close(kBareLineEnd);
  if (too_large_) {
    end_transaction();
    return refuse(kTooLarge);
  }
  ask_commit();
}

void ServerSession::ask_commit() {
  JudgeAndCommit judge;
  judge.content = std::move(content_);
  judge.trace_size = trace_size_;
  judge.last_chunk = std::move(chunk_);
  judge.size = trace_size_ + content_size_;
  content_ = {};
  chunk_ = {};
  ask(Waiting::commit, std::move(judge));
}

void ServerSession::forget_errors() {
  errors_ = 0;
  junk_commands_ = 0;
  swallowed_ = 0;
}

void ServerSession::answer(const CommitVerdict& verdict) {
  if (!answered(Waiting::commit)) return;
  using Kind = CommitVerdict::Kind;
  if (verdict.kind == Kind::accepted) staged_ = false;  // the chunks are the message's
  end_transaction();
  switch (verdict.kind) {
    case Kind::accepted:
      forget_errors();
      append_message_taken(out_, verdict.id);
      break;
    case Kind::refused:
      refuse_by_policy(kMessageRefused, verdict.words);
      break;
    case Kind::several_from:
      refuse(kSeveralFrom);
      break;
    case Kind::bad_from:
      refuse(kBadFrom);
      break;
    case Kind::header_too_large:
      refuse(kHeaderTooLarge);
      break;
    case Kind::too_many_hops:
      refuse(kTooManyHops);
      break;
    case Kind::storage_full:
      send(kStorageFull);
      break;
    case Kind::try_later:
      postpone_by_policy(kTryLater, verdict.words);
      break;
    case Kind::hop_unreachable:
      send(kHopUnreachable);
      break;
    case Kind::hop_silent:
      send(kHopSilent);
      break;
  }
  settle();
}

}  // namespace mail::smtp
