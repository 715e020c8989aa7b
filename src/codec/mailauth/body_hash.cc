#include "codec/mailauth/body_hash.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/result.h"

namespace mail::dkim {

// Emits a body in canonical form. What stands at the end of a line or of the body, and might have
// to go, is held back as a count.
class BodyHashes::Canonicalizer {
 public:
  Canonicalizer(BodyHashes& owner, Form form) : owner_(&owner), form_(form) {}
  void moved_to(BodyHashes& owner) { owner_ = &owner; }

  void update(std::string_view piece) {
    if (form_ == Form::simple) {
      update_simple(piece);
    } else {
      update_relaxed(piece);
    }
    flush();
  }
  void finish() {
    if (cr_) put_plain("\r");  // half a line end is none
    // RFC 6376 §3.4.3: an empty body is one CRLF; §3.4.4: nothing. Otherwise the last line ends.
    if (form_ == Form::simple || emitted_ > 0 || filled_ > 0) put("\r\n");
    flush();
  }
  std::uint64_t emitted() const { return emitted_; }

 private:
  // §3.4.3: as it is, but for empty lines at the end.
  void update_simple(std::string_view piece) {
    if (piece.empty()) return;
    if (std::exchange(cr_, false)) {
      if (piece.front() == '\n') {
        ++held_lines_;
        piece.remove_prefix(1);
      } else {
        put_plain("\r");
      }
    }
    std::uint64_t lines = 0;
    if (piece.ends_with('\r')) {
      cr_ = true;
      piece.remove_suffix(1);
    }
    for (; piece.ends_with("\r\n"); piece.remove_suffix(2)) ++lines;
    if (!piece.empty()) put_plain(piece);
    held_lines_ += lines;
  }

  // §3.4.4: blanks at the end of a line go, others become one space; empty lines at the end go.
  void update_relaxed(std::string_view piece) {
    if (!blank_ && is_relaxed(piece)) return update_simple(piece);  // as most pieces are
    while (!piece.empty()) {
      if (cr_) {
        end_line(piece);
        continue;
      }
      const std::string_view line = piece.substr(0, piece.find('\r'));
      if (!blank_ && is_relaxed(line)) {
        if (!line.empty()) put_plain(line);
      } else {
        reduce(line);
      }
      cr_ = line.size() < piece.size();
      piece.remove_prefix(line.size() + (cr_ ? 1 : 0));
    }
  }
  // Behind a CR.
  void end_line(std::string_view& piece) {
    cr_ = false;
    if (piece.front() != '\n') return put_plain("\r");
    blank_ = false;
    ++held_lines_;
    piece.remove_prefix(1);
  }
  // No tab, and no space but one before something else. Without a branch, so that it is done for
  // many octets at a time, and in octets, so that those are as many as can be.
  static bool is_relaxed(std::string_view text) {
    if (text.ends_with(' ') || text.ends_with('\t')) return false;
    std::uint8_t wrong = 0;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      const std::uint8_t tab{text[i] == '\t'};
      const std::uint8_t space{text[i] == ' '};
      const std::uint8_t another{text[i + 1] == ' '};
      const std::uint8_t end{text[i + 1] == '\r'};
      wrong |= tab | (space & (another | end));
    }
    return wrong == 0;
  }
  void reduce(std::string_view line) {
    while (!line.empty()) {
      const std::size_t run = std::min(line.find_first_of(" \t"), line.size());
      if (run > 0) put_plain(line.substr(0, run));
      blank_ = blank_ || run < line.size();
      line.remove_prefix(std::min(run + 1, line.size()));
    }
  }

  // Text: all that was held back stays.
  void put_plain(std::string_view text) {
    while (held_lines_ > 0) {
      put("\r\n");
      --held_lines_;
    }
    if (std::exchange(blank_, false)) put(" ");
    put(text);
  }
  void put(std::string_view text) {
    if (text.size() > buffer_.size() - filled_) {
      flush();
      if (text.size() >= buffer_.size()) return pass_on(text);
    }
    std::memcpy(buffer_.data() + filled_, text.data(), text.size());
    filled_ += text.size();
  }
  void flush() {
    if (filled_ > 0) pass_on({buffer_.data(), std::exchange(filled_, 0)});
  }
  void pass_on(std::string_view text) {
    owner_->take(form_, text);
    emitted_ += text.size();
  }

  BodyHashes* owner_;
  Form form_;
  bool cr_ = false;     // half of a line end
  bool blank_ = false;  // relaxed: at least one
  std::uint64_t held_lines_ = 0;
  std::uint64_t emitted_ = 0;
  std::size_t filled_ = 0;
  std::array<char, 4096> buffer_;
};

BodyHashes::BodyHashes(const crypto::Crypto& crypto) : crypto_(&crypto) {}
BodyHashes::~BodyHashes() = default;
BodyHashes::BodyHashes(BodyHashes&& other) noexcept { *this = std::move(other); }
BodyHashes& BodyHashes::operator=(BodyHashes&& other) noexcept {
  crypto_ = other.crypto_;
  wanted_ = std::move(other.wanted_);
  simple_ = std::move(other.simple_);
  relaxed_ = std::move(other.relaxed_);
  if (simple_ != nullptr) simple_->moved_to(*this);
  if (relaxed_ != nullptr) relaxed_->moved_to(*this);
  return *this;
}

std::size_t BodyHashes::want(Form form, std::optional<std::uint64_t> length, Hash hash) {
  const auto same = [&](const Wanted& wanted) {
    return wanted.form == form && wanted.length == length && wanted.hash == hash;
  };
  const auto found = std::ranges::find_if(wanted_, same);
  if (found != wanted_.end()) return static_cast<std::size_t>(found - wanted_.begin());
  auto& canonicalizer = form == Form::simple ? simple_ : relaxed_;
  if (canonicalizer == nullptr) canonicalizer = std::make_unique<Canonicalizer>(*this, form);
  auto digest = hash == Hash::sha256 ? crypto_->sha256() : crypto_->sha1();
  wanted_.push_back({form, length, hash, std::move(digest), {}});
  return wanted_.size() - 1;
}

void BodyHashes::update(std::string_view piece) {
  if (simple_ != nullptr) simple_->update(piece);
  if (relaxed_ != nullptr) relaxed_->update(piece);
}

void BodyHashes::finish() {
  if (simple_ != nullptr) simple_->finish();
  if (relaxed_ != nullptr) relaxed_->finish();
  for (Wanted& wanted : wanted_) wanted.made = wanted.digest->finish();
}

std::uint64_t BodyHashes::length(Form form) const {
  const auto& canonicalizer = form == Form::simple ? simple_ : relaxed_;
  MAIL_ASSERT(canonicalizer != nullptr);
  return canonicalizer->emitted();
}

// `canonical` follows what this form has emitted before.
void BodyHashes::take(Form form, std::string_view canonical) {
  const std::uint64_t before = length(form);
  for (Wanted& wanted : wanted_) {
    if (wanted.form != form) continue;
    const std::uint64_t end = wanted.length.value_or(before + canonical.size());
    if (before < end) {
      const auto room = std::min<std::uint64_t>(end - before, canonical.size());
      wanted.digest->update(canonical.substr(0, static_cast<std::size_t>(room)));
    }
  }
}

}  // namespace mail::dkim
