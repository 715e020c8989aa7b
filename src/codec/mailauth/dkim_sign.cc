#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/signing.h"

namespace mail::dkim {
namespace {

constexpr std::string_view kFold = "\r\n ";
constexpr std::size_t kMaxColumns = 73;
constexpr int kMinRsaBits = 1024;  // RFC 8301 §3.2
constexpr std::size_t kMaxOfOneName = 10;
constexpr std::size_t kNoField = std::numeric_limits<std::size_t>::max();

// Signed once more often than they are there (security.md 37, RFC 6376 §8.15).
constexpr auto kOversigned = std::to_array<std::string_view>(
    {"from", "to", "cc", "subject", "date", "message-id", "reply-to", "mime-version",
     "content-type", "content-transfer-encoding"});
// Signed where they are there; others may add theirs (RFC 6376 §5.4.1, RFC 8058 §4).
constexpr auto kSigned = std::to_array<std::string_view>({"sender",
                                                          "in-reply-to",
                                                          "references",
                                                          "resent-date",
                                                          "resent-from",
                                                          "resent-sender",
                                                          "resent-to",
                                                          "resent-cc",
                                                          "resent-message-id",
                                                          "list-id",
                                                          "list-help",
                                                          "list-unsubscribe",
                                                          "list-unsubscribe-post",
                                                          "list-subscribe",
                                                          "list-post",
                                                          "list-owner",
                                                          "list-archive",
                                                          "content-disposition",
                                                          "content-id",
                                                          "content-language",
                                                          "auto-submitted",
                                                          "feedback-id"});

}  // namespace

TagWriter::TagWriter(std::string_view field_name)
    : text_(concat(field_name, ':')), column_(text_.size()) {}

void TagWriter::new_line() {
  text_.append(kFold);
  column_ = 1;
}

void TagWriter::begin_tag(std::size_t width, bool on_new_line) {
  if (!std::exchange(first_, false)) text_.push_back(';');
  if (on_new_line || column_ + 2 + width > kMaxColumns) return new_line();
  text_.push_back(' ');
  column_ += 2;
}

TagWriter& TagWriter::add(std::string_view tag, std::string_view value) {
  const std::size_t width = tag.size() + 1 + value.size();
  begin_tag(width, false);
  append(text_, tag, '=', value);
  column_ += width;
  return *this;
}

TagWriter& TagWriter::add_names(const std::vector<std::string_view>& names) {
  begin_tag(0, true);
  text_.append("h=");
  column_ += 2;
  for (const std::string_view& name : names) {
    const bool first = &name == names.data();
    if (!first) {
      text_.push_back(':');
      if (++column_ + name.size() > kMaxColumns) new_line();
    }
    text_.append(name);
    column_ += name.size();
  }
  return *this;
}

TagWriter& TagWriter::add_signature(std::string_view base64, bool folded) {
  begin_tag(0, true);
  text_.append("b=");
  column_ += 2;
  while (!base64.empty()) {
    if (folded && column_ >= kMaxColumns) new_line();
    const std::string_view line = base64.substr(0, folded ? kMaxColumns - column_ : base64.size());
    text_.append(line);
    column_ += line.size();
    base64.remove_prefix(line.size());
  }
  return *this;
}

std::vector<std::string_view> names_to_sign(const Header& header) {
  std::vector<std::string_view> names;
  for (const std::string_view name : kOversigned) {
    names.insert(names.end(), header.count(name) + 1, name);
  }
  for (const std::string_view name : kSigned) {
    names.insert(names.end(), std::min(header.count(name), kMaxOfOneName), name);
  }
  return names;
}

std::string digest_to_sign(Header& header, const std::vector<std::string_view>& names,
                           std::string_view text, const crypto::Crypto& crypto) {
  const auto digest = crypto.sha256();
  header.feed(*digest, names, Form::relaxed, kNoField);
  const std::size_t colon = text.find(':');
  std::string relaxed;
  append_relaxed(relaxed, text.substr(0, colon), text.substr(colon + 1));
  digest->update(relaxed);
  return digest->finish();
}

Result<std::string_view> algorithm_of(const SigningKey& key) {
  if (key.key->kind() == crypto::KeyKind::ed25519) return "ed25519-sha256";
  if (key.key->bits() < kMinRsaBits) {
    return fail(Errc::invalid_argument, concat("an RSA key of ", key.key->bits(),
                                               " bits is too weak: nobody would accept it"));
  }
  return "rsa-sha256";
}

std::string seconds_of(WallTime now) {
  return concat(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
}

struct BodyHasher::State {
  explicit State(const crypto::Crypto& crypto) : hashes(crypto) {
    hashes.want(Form::relaxed, std::nullopt);
  }
  BodyHashes hashes;
};

BodyHasher::BodyHasher(const crypto::Crypto& crypto) : state_(std::make_unique<State>(crypto)) {}
BodyHasher::BodyHasher(BodyHasher&&) noexcept = default;
BodyHasher& BodyHasher::operator=(BodyHasher&&) noexcept = default;
BodyHasher::~BodyHasher() = default;
void BodyHasher::update(std::string_view piece) { state_->hashes.update(piece); }
std::string BodyHasher::finish() {
  state_->hashes.finish();
  return state_->hashes.digest(0);
}

Result<std::string> sign(std::string_view header_block, std::string_view body_hash,
                         const SigningKey& key, WallTime now, const crypto::Crypto& crypto) {
  MAIL_TRY(const std::string_view algorithm, algorithm_of(key));
  Header header(header_block);
  const std::vector<std::string_view> names = names_to_sign(header);
  TagWriter writer("DKIM-Signature");
  writer.add("v", "1").add("a", algorithm).add("c", "relaxed/relaxed").add("d", key.domain);
  writer.add("s", key.selector).add("t", seconds_of(now)).add_names(names);
  writer.add("bh", base64_encode(body_hash));
  const std::string unsigned_text = TagWriter(writer).add_signature("").text();
  const std::string digest = digest_to_sign(header, names, unsigned_text, crypto);
  MAIL_TRY(const std::string signature, key.key->sign(digest));
  return concat(writer.add_signature(base64_encode(signature)).text(), "\r\n");
}

}  // namespace mail::dkim
