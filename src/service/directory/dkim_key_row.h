// A key that mail of a domain is signed with, as the control store keeps it (RFC 6376 §3.6.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/crypto.h"

namespace mail {

enum class DkimKeyState : std::uint8_t {
  pending,  // not used: the DNS has not shown it yet
  active,   // used
  retired,  // not used any more; its record still serves mail under way
  revoked,  // the private key is gone; its record should go
};
std::string_view to_string(DkimKeyState state);

struct DkimKeyRow {
  std::string domain;  // lower case
  std::string selector;
  crypto::KeyKind kind = crypto::KeyKind::rsa;
  DkimKeyState state = DkimKeyState::pending;
  WallTime made;
  WallTime changed;         // when it came into its state
  bool forced = false;      // used whatever the DNS shows
  std::string private_key;  // sealed; "" once revoked
  std::string public_key;   // as p= has it, in base64
};
std::string_view to_string(crypto::KeyKind kind);  // as k= has it

}  // namespace mail
