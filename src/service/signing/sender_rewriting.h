// Senders written anew by SRS when their mail is sent on (codec/mailauth/srs.h). Immutable; any
// thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/mailauth/srs.h"
#include "service/directory/forwarding.h"

namespace mail::signing {

class SenderRewriting final : public Forwarding {
 public:
  // The first secret makes addresses, all of them verify. `clock` outlives it.
  SenderRewriting(std::vector<std::string> secrets, const Clock& clock);

  std::optional<std::string> rewrite(std::string_view sender,
                                     std::string_view domain) const override;
  std::optional<std::string> sender_behind(const Mailbox& recipient) const override;

 private:
  srs::Rewriter rewriter_;
  const Clock& clock_;
};

// Secrets as postsrsd keeps them: one a line, the first makes addresses. Refused with not_allowed
// where group or others may read the file, invalid_argument where there is none in it.
Result<std::vector<std::string>> read_srs_secrets(const std::filesystem::path& file);

}  // namespace mail::signing
