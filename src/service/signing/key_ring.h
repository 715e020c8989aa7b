// The keys in use, opened, by domain. Immutable; any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/mailauth/dkim.h"
#include "platform/tls/secret_box.h"
#include "service/directory/dkim_key_row.h"

namespace mail::signing {

class KeyRing {
 public:
  KeyRing() = default;
  // Keys that cannot be opened are left out and logged. Those `before` has are not opened again.
  KeyRing(const std::vector<DkimKeyRow>& rows, const tls::SecretBox& box, const KeyRing& before);

  // RSA first: verifiers that look at one signature only know that. Empty: nothing to sign with.
  const std::vector<dkim::SigningKey>& of(std::string_view domain) const;
  // The same for a host: of the domain it is, or the nearest above it that has keys.
  const std::vector<dkim::SigningKey>& nearest(std::string_view host) const;

 private:
  std::map<std::string, std::vector<dkim::SigningKey>, std::less<>> keys_;
};

// What a private key is sealed for.
std::string seal_context(const DkimKeyRow& row);

}  // namespace mail::signing
