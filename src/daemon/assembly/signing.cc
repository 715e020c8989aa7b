#include "daemon/assembly/signing.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "service/signing/key_file.h"
#include "service/signing/sender_rewriting.h"

namespace mail {

signing::KeeperSettings keeper_settings(const Settings& settings) {
  const SigningSettings& given = settings.signing;
  signing::KeeperSettings out;
  out.rotation = {given.rotate, given.rotate_after, given.retired_for};
  out.check_every = given.check_every;
  return out;
}

Result<std::unique_ptr<signing::KeyKeeper>> open_keeper(const Settings& settings,
                                                        ControlStore& control,
                                                        dns::Resolver& resolver,
                                                        const Clock& clock) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  MAIL_TRY(auto box, signing::open_key_file({.configured = settings.signing.key_file,
                                             .credentials = credentials ? credentials : "",
                                             .state = settings.state}));
  return signing::KeyKeeper::open(control, std::move(box), resolver, clock,
                                  keeper_settings(settings));
}

Result<void> set_up_forwarding(const Settings& settings, ControlStore& control,
                               const Clock& clock) {
  if (!settings.forwarding.srs) return {};
  std::vector<std::string> secrets;
  if (settings.forwarding.srs_secret_file.empty()) {
    MAIL_TRY(std::string secret, control.secret("srs"));
    secrets.push_back(std::move(secret));
  } else {
    MAIL_TRY(secrets, signing::read_srs_secrets(settings.forwarding.srs_secret_file));
  }
  return control.set_forwarding(
      std::make_shared<const signing::SenderRewriting>(std::move(secrets), clock));
}

}  // namespace mail
