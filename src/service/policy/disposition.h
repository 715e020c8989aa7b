// Who wants to know what became of mail by its authentication (service/feedback does, for DMARC
// reports). Told by the judge that decides. Threads: any; must not block.
#pragma once

#include <string>

#include "base/clock.h"
#include "codec/address/ip_address.h"
#include "codec/mailauth/findings.h"

namespace mail {

struct Disposed {
  enum class As : std::uint8_t { taken, junk, refused };
  As as = As::taken;
  // Why it is not what the author domain's policy asks for; empty where it is.
  std::string why_not_as_asked;
  IpAddress source;
  std::string mail_from_domain;  // empty for the null path
  WallTime at;
};

class DispositionSink {
 public:
  virtual ~DispositionSink() = default;
  virtual void disposed(const mailauth::Findings& findings, const Disposed& disposed) = 0;
};

}  // namespace mail
