#include "service/signing/key_file.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "base/base64.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "platform/os/file.h"

namespace mail::signing {
namespace {

constexpr std::string_view kName = "dkim.key";
constexpr std::string_view kPurpose = "mailwright dkim";
constexpr std::size_t kMinSecret = 32;  // characters: a phrase will do, a word will not
constexpr std::size_t kMaxSecret = 4096;

Result<void> make(const std::filesystem::path& path) {
  std::array<std::byte, 32> secret{};
  SystemRandom().fill(secret);
  const std::string_view octets(reinterpret_cast<const char*>(secret.data()), secret.size());
  MAIL_TRY(os::replace_file(path, concat(base64_encode(octets), "\n"), 0600));
  log::info("signing.key_file_made",
            {{"file", path.native()},
             {"do", "keep a copy apart from the state: without it no signing key can be read"}});
  return {};
}

}  // namespace

std::filesystem::path KeyFile::path() const {
  if (!configured.empty()) return configured;
  if (!credentials.empty()) {
    std::error_code ignored;
    const std::filesystem::path credential = credentials / kName;
    if (std::filesystem::exists(credential, ignored)) return credential;
  }
  return state / kName;
}

Result<std::unique_ptr<tls::SecretBox>> open_key_file(const KeyFile& file) {
  const std::filesystem::path path = file.path();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) MAIL_TRY(make(path));
  MAIL_TRY(const bool shared, os::others_may_read(path));
  // systemd's own copies are for the unit alone, whatever their mode says (0440 under some).
  if (shared && path.parent_path() != file.credentials) {
    return fail(Errc::not_allowed, concat(path.native(), " may be read by others than its owner: ",
                                          "chmod 600 it, since it opens all signing keys"));
  }
  MAIL_TRY(std::string secret, os::read_file(path, kMaxSecret));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.size() < kMinSecret) {
    return fail(
        Errc::invalid_argument,
        concat(path.native(), " holds ", secret.size(), " characters and needs ", kMinSecret,
               ": put a copy of the right one there, or remove it and a new ", "one is made"));
  }
  return std::make_unique<tls::SecretBox>(secret, kPurpose);
}

}  // namespace mail::signing
