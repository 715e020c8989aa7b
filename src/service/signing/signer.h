// Signs mail as it leaves the hands of its author, and seals mail of others that is sent on.
//
// A judge, the last of the chain: what others change in the header comes before. With DKIM it signs
// mail of logins and of [relay] networks whose author domain is hosted here, and our own notices;
// with ARC it seals what strangers sent to an alias that leads elsewhere, once it was examined.
// An RSA signature takes half a millisecond or so on the I/O thread: less than handing it to
// another and back would cost the other sessions of this one.
//
// Never refuses: what cannot be signed leaves without, and the log says so once per domain.
// Threads: as a Judge; sign() any.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/idn.h"
#include "service/directory/control_store.h"
#include "service/policy/verdict.h"
#include "service/report/draft_signer.h"
#include "service/signing/key_keeper.h"

namespace mail::signing {

class Signer final : public Judge, public DraftSigner {
 public:
  // All of it outlives the signer.
  Signer(const KeyKeeper& keeper, ControlStore& control, const Clock& clock, const Idn* idn);

  std::unique_ptr<Hearing> open(const Case& of) override;
  void sign(Draft& draft) const override;

 private:
  class Listening;
  // One field per key; empty where a key fails.
  std::string signatures(std::string_view header, std::string_view body_hash,
                         const std::vector<dkim::SigningKey>& keys) const;
  void note_unsigned(const std::string& domain) const;
  void note_signed(const std::string& domain) const;

  const KeyKeeper& keeper_;
  ControlStore& control_;
  const Clock& clock_;
  const Idn* idn_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> unsigned_;  // domains the log has named; guarded by mutex_
};

}  // namespace mail::signing
