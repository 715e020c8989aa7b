// Looks at the client before it has said much: DNS lists of addresses, its names, its HELO; and for
// the domains that it names in HELO, MAIL and From in lists of domains. All of it becomes signals
// (verdict.h); who is refused for them, the policy decides.
#pragma once

#include "service/door/tools.h"

namespace mail::door {

class Screen final : public Judge {
 public:
  explicit Screen(const Tools& tools) : tools_(tools) {}
  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  const Tools& tools_;
};

// What HELO says by itself (RFC 5321 §4.1.4): no weight where there is nothing to say. `ours`: our
// host name.
Signal helo_signal(std::string_view helo, const IpAddress& client, std::string_view ours);

}  // namespace mail::door
