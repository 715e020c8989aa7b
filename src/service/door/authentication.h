// Examines what strangers bring by SPF, DKIM, ARC and DMARC (service/examination), and says so:
// in an Authentication-Results field of ours, in the `received` event, and to the judges behind it
// (Evidence). Takes out fields that claim to be ours (RFC 8601 §5). What comes of it, the policy
// decides.
#pragma once

#include <string>
#include <vector>

#include "codec/mailauth/findings.h"
#include "codec/record/event.h"
#include "service/door/tools.h"

namespace mail::door {

class Authentication final : public Judge {
 public:
  explicit Authentication(const Tools& tools) : tools_(tools) {}
  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  const Tools& tools_;
};

// "spf" = "pass example.org", "dkim" = "pass d=example.org s=key", "dmarc" = "fail example.org
// p=reject", "arc" = "none".
std::vector<record::Fact> facts_of(const mailauth::Findings& findings);
// What speaks against the message by itself.
std::vector<Signal> signals_of(const mailauth::Findings& findings);

}  // namespace mail::door
