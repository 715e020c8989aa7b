// The judge that decides, behind all that only find out (decision.h has the rules). Who is bad
// enough before a word of content has come is refused at RCPT, recipient by recipient. A message is
// one: it is refused only where every recipient's mode says so, otherwise those who would have
// refused it have it in Junk. Duty addresses (postmaster, abuse, root) refuse nothing.
#pragma once

#include "service/door/tools.h"

namespace mail::door {

class Policy final : public Judge {
 public:
  explicit Policy(const Tools& tools) : tools_(tools) {}
  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  const Tools& tools_;
};

}  // namespace mail::door
