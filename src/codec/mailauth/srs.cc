#include "codec/mailauth/srs.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace mail::srs {
namespace {

constexpr char kSeparator = '=';
constexpr std::string_view kFirstSeparators = "=+-";  // behind the tag; we write '='
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kTagLength = 4;
constexpr std::int64_t kDays = 1024;  // what two characters of base32 tell apart

bool has_tag(std::string_view local_part, char digit) {
  return local_part.size() > kTagLength && istarts_with(local_part, "SRS") &&
         local_part[3] == digit && kFirstSeparators.contains(local_part[kTagLength]);
}

std::int64_t day_of(WallTime now) {
  return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
}

std::string stamp_of(std::int64_t day) {
  return {kBase32[static_cast<std::size_t>(day / 32 % 32)],
          kBase32[static_cast<std::size_t>(day % 32)]};
}

// How many days ago a stamp was made, 0 to 1023. Fails where it is none.
Result<std::int64_t> age_of(std::string_view stamp, std::int64_t today) {
  if (stamp.size() != 2) return fail(Errc::bad_syntax, "no SRS time stamp");
  std::int64_t day = 0;
  for (const char c : stamp) {
    const std::size_t digit = kBase32.find(ascii_upper(c));
    if (digit == std::string_view::npos) return fail(Errc::bad_syntax, "no SRS time stamp");
    day = day * 32 + static_cast<std::int64_t>(digit);
  }
  return ((today - day) % kDays + kDays) % kDays;
}

// Takes what stands before the next separator off the front of `text`.
Result<std::string_view> take(std::string_view& text) {
  const std::size_t end = text.find(kSeparator);
  if (end == 0 || end == std::string_view::npos) {
    return fail(Errc::bad_syntax, "an SRS address with a part missing");
  }
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

// Of a hash as long as is given, in a time that tells nothing of it (security.md 7). In any case,
// as libsrs2 does: some hosts on the way back fold local parts.
bool same_in_any_case(std::string_view ours, std::string_view given) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(ascii_lower(ours[i])) ^
                  static_cast<unsigned char>(ascii_lower(given[i]));
  }
  return difference == 0;
}

}  // namespace

bool is_rewritten(std::string_view local_part) {
  return has_tag(local_part, '0') || has_tag(local_part, '1');
}

Rewriter::Rewriter(std::vector<std::string> secrets, Hmac hmac_sha1)
    : secrets_(std::move(secrets)), hmac_(hmac_sha1) {
  MAIL_ASSERT(!secrets_.empty() && hmac_ != nullptr);
}

std::string Rewriter::hash(std::string_view secret, std::string_view octets) const {
  return base64_encode(hmac_(secret, to_lower(octets)));
}

bool Rewriter::is_ours(std::string_view hash_given, std::string_view octets) const {
  if (hash_given.size() < kHashLength) return false;
  return std::ranges::any_of(secrets_, [&](const std::string& secret) {
    const std::string ours = hash(secret, octets);
    return hash_given.size() <= ours.size() && same_in_any_case(ours, hash_given);
  });
}

std::string Rewriter::forward(const Address& sender, WallTime now) const {
  const std::string& local = sender.local_part;
  const auto hashed = [this](std::string_view octets) {
    return hash(secrets_.front(), octets).substr(0, kHashLength);
  };
  // What was rewritten before keeps the host that did it first, and nobody in between: however
  // often mail is sent on, the address grows no longer.
  std::string host = sender.domain;
  std::string rest;
  if (has_tag(local, '0')) {
    rest = local.substr(kTagLength);
  } else if (has_tag(local, '1')) {
    std::string_view text = std::string_view(local).substr(kTagLength + 1);
    if (take(text)) {
      const Result<std::string_view> first = take(text);
      if (first && !text.empty()) {
        host = *first;
        rest = text;
      }
    }
  }
  if (!rest.empty()) {
    return concat("SRS1=", hashed(concat(host, rest)), kSeparator, host, kSeparator, rest);
  }
  const std::string stamp = stamp_of(day_of(now));
  return concat("SRS0=", hashed(concat(stamp, host, local)), kSeparator, stamp, kSeparator, host,
                kSeparator, local);
}

Result<Address> Rewriter::reverse(std::string_view local_part, WallTime now) const {
  if (has_tag(local_part, '0')) return reverse_first(local_part.substr(kTagLength + 1), now);
  if (has_tag(local_part, '1')) return reverse_further(local_part.substr(kTagLength + 1));
  return fail(Errc::bad_syntax, "no SRS address");
}

Result<Address> Rewriter::reverse_first(std::string_view text, WallTime now) const {
  MAIL_TRY(const std::string_view given, take(text));
  MAIL_TRY(const std::string_view stamp, take(text));
  MAIL_TRY(const std::string_view domain, take(text));
  if (text.empty()) return fail(Errc::bad_syntax, "an SRS address without a local part");
  MAIL_TRY(const std::int64_t age, age_of(stamp, day_of(now)));
  if (!is_ours(given, concat(stamp, domain, text))) {
    return fail(Errc::not_allowed, "an SRS address that was not made here");
  }
  if (age > kMaxAge) return fail(Errc::deadline_exceeded, "an SRS address that is too old");
  return Address{std::string(text), std::string(domain)};
}

// It leads to who made the SRS0, who says whether it is too old.
Result<Address> Rewriter::reverse_further(std::string_view text) const {
  MAIL_TRY(const std::string_view given, take(text));
  MAIL_TRY(const std::string_view domain, take(text));
  if (text.empty()) return fail(Errc::bad_syntax, "an SRS address without a local part");
  if (!is_ours(given, concat(domain, text))) {
    return fail(Errc::not_allowed, "an SRS address that was not made here");
  }
  return Address{concat("SRS0", text), std::string(domain)};
}

}  // namespace mail::srs
