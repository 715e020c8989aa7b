// Whether the files of [signing] and [forwarding] can be what they are to be.
#include <sys/stat.h>

#include <string>

#include "base/text.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/files.h"

namespace mail {
namespace {

// Made when it is missing, so only one that is there can be wrong.
Refusal check_key_file(const std::string& path) {
  struct stat status{};
  mode_t mode = 0;
  if (path.starts_with('/') && ::stat(path.c_str(), &status) != 0) return std::nullopt;
  if (Refusal refusal = check_file(path, "with a key", mode)) return refusal;
  return check_secrecy(path, mode);
}

}  // namespace

void check_signing(const ConfigDraft& draft, Findings& findings) {
  const std::string& key_file = draft.signing.values.key_file;
  if (draft.signing.fine("key_file") && !key_file.empty()) {
    if (Refusal refusal = check_key_file(key_file)) {
      findings.add(draft.signing.place("key_file"), "signing.key_file", std::move(*refusal));
    }
  }
  const std::string& secrets = draft.forwarding.values.srs_secret_file;
  if (!draft.forwarding.fine("srs_secret_file") || secrets.empty()) return;
  std::string first;
  if (Refusal refusal = read_secret(secrets, first)) {
    findings.add(draft.forwarding.place("srs_secret_file"), "forwarding.srs_secret_file",
                 std::move(*refusal));
  }
}

}  // namespace mail
