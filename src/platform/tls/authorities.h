// Whom the certificates of servers are verified by. The system's authorities are a hundred and more
// and take a tenth of a second to read: that happens beside the start, once for all contexts that
// share them. Immutable. Any thread.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"

namespace mail::tls {

class Authorities {
 public:
  // `ca_file` empty: the system's, which are read in the background. Errors: tls_failed.
  static Result<std::shared_ptr<const Authorities>> read(const std::filesystem::path& ca_file);
  ~Authorities();  // waits for the reading

  struct Impl;
  const Impl& impl() const { return *impl_; }  // for the .cc files of this folder

 private:
  explicit Authorities(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail::tls
