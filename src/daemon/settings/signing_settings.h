// What the configuration says of signing mail and of sending it on.
#pragma once

#include <chrono>
#include <string>

namespace mail {

struct SigningSettings {
  std::string key_file;  // empty: systemd's credential, else one in the state
  std::chrono::seconds check_every{0};
  bool rotate = false;
  std::chrono::seconds rotate_after{0};
  std::chrono::seconds retired_for{0};
};

struct ForwardingSettings {
  bool srs = true;
  std::string srs_secret_file;  // empty: a secret of the control store's
};

}  // namespace mail
