#include "service/signing/key_ring.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/tls/crypto.h"

namespace mail::signing {
namespace {

using PrivateKey = std::shared_ptr<const crypto::PrivateKey>;

PrivateKey find(const KeyRing& ring, const DkimKeyRow& row) {
  for (const dkim::SigningKey& key : ring.of(row.domain)) {
    // A domain that went and came again may have the same selector for another key.
    const bool same =
        key.selector == row.selector && base64_encode(key.key->public_octets()) == row.public_key;
    if (same) return key.key;
  }
  return nullptr;
}

PrivateKey open(const tls::SecretBox& box, const DkimKeyRow& row) {
  Result<std::string> pem = box.open(row.private_key, seal_context(row));
  Result<PrivateKey> key =
      pem ? tls::kCrypto.read_private_key(*pem) : std::unexpected(std::move(pem).error());
  if (key) return *std::move(key);
  log::error("signing.key_unreadable",
             {{"domain", row.domain},
              {"selector", row.selector},
              {"why", describe(key.error())},
              {"do", concat("put the file it was sealed with in its place again, or make new keys: "
                            "mailwright domain dkim rotate ",
                            row.domain)}});
  return nullptr;
}

}  // namespace

KeyRing::KeyRing(const std::vector<DkimKeyRow>& rows, const tls::SecretBox& box,
                 const KeyRing& before) {
  for (const DkimKeyRow& row : rows) {
    if (row.state != DkimKeyState::active) continue;
    PrivateKey key = find(before, row);
    if (key == nullptr) key = open(box, row);
    if (key == nullptr) continue;
    std::vector<dkim::SigningKey>& of_domain = keys_[row.domain];
    const auto at = row.kind == crypto::KeyKind::rsa ? of_domain.begin() : of_domain.end();
    of_domain.insert(at, {row.domain, row.selector, std::move(key)});
  }
}

const std::vector<dkim::SigningKey>& KeyRing::of(std::string_view domain) const {
  static const std::vector<dkim::SigningKey> kNone;
  const auto found = keys_.find(domain);
  return found == keys_.end() ? kNone : found->second;
}

const std::vector<dkim::SigningKey>& KeyRing::nearest(std::string_view host) const {
  for (;;) {
    const std::vector<dkim::SigningKey>& keys = of(host);
    const std::size_t dot = host.find('.');
    if (!keys.empty() || dot == std::string_view::npos) return keys;
    host.remove_prefix(dot + 1);
  }
}

std::string seal_context(const DkimKeyRow& row) { return concat(row.domain, ' ', row.selector); }

}  // namespace mail::signing
