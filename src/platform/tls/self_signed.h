// A throw-away certificate, for tests and for `tools/run`.
#pragma once

#include <string>

#include "base/result.h"

namespace mail::tls {

struct PemPair {
  std::string certificate;
  std::string key;
};

// ECDSA P-256, valid from an hour ago for a year, for `hostname` (a name or an IP address).
Result<PemPair> make_self_signed(const std::string& hostname);

}  // namespace mail::tls
