#include "service/auth/known_logins.h"

#include <cstring>
#include <utility>

#include "base/random.h"
#include "base/text.h"
#include "platform/tls/digest.h"

namespace mail {
namespace {
constexpr Milliseconds kKept{600'000};
}

KnownLogins::KnownLogins(const Clock& clock, std::size_t max_entries)
    : clock_(clock), max_entries_(max_entries) {
  SystemRandom().fill(secret_);
}

KnownLogins::Key KnownLogins::key(std::string_view account, std::string_view stored_hash,
                                  std::string_view password) const {
  // Neither an address nor a hash has a NUL in it.
  std::string bytes = concat(account, '\0', stored_hash, '\0', password);
  const auto digest = tls::hmac_sha256(secret_, bytes);
  explicit_bzero(bytes.data(), bytes.size());
  return Key(reinterpret_cast<const char*>(digest.data()), digest.size());
}

bool KnownLogins::contains(const Key& key) const {
  const MonoTime now = clock_.mono_now();
  const std::lock_guard lock(mutex_);
  const auto found = until_.find(key);
  return found != until_.end() && now < found->second;
}

void KnownLogins::add(Key key) {
  const MonoTime now = clock_.mono_now();
  const std::lock_guard lock(mutex_);
  if (until_.size() >= max_entries_) {
    std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
    if (until_.size() >= max_entries_) until_.clear();  // it is only a cache
  }
  until_.insert_or_assign(std::move(key), now + kKept);
}

}  // namespace mail
