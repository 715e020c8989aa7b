#include "daemon/assembly/policy.h"

namespace mail {
namespace {

door::Mode mode_of(PolicyMode mode) {
  switch (mode) {
    case PolicyMode::observe:
      return door::Mode::observe;
    case PolicyMode::junk:
      return door::Mode::junk;
    case PolicyMode::balanced:
      return door::Mode::balanced;
    case PolicyMode::enforce:
      return door::Mode::enforce;
  }
  return door::Mode::balanced;
}

}  // namespace

std::shared_ptr<const door::Settings> door_settings(const Settings& settings) {
  auto out = std::make_shared<door::Settings>();
  const PolicySettings& policy = settings.policy;
  out->mode = mode_of(policy.mode);
  for (const std::string& domain : policy.observe) out->by_domain[domain] = door::Mode::observe;
  for (const std::string& domain : policy.junk) out->by_domain[domain] = door::Mode::junk;
  for (const std::string& domain : policy.balanced) out->by_domain[domain] = door::Mode::balanced;
  for (const std::string& domain : policy.enforce) out->by_domain[domain] = door::Mode::enforce;
  out->junk_score = policy.junk_score;
  out->reject_score = policy.reject_score;
  out->trusted_forwarders = policy.trusted_forwarders;
  out->judge_loopback = policy.judge_loopback;
  for (const BlocklistRow& row : settings.blocklists) {
    out->lists.push_back({row.zone, static_cast<double>(row.weight), row.allow, row.domains,
                          row.answers, row.reply});
  }
  out->greylist = {settings.greylist.enabled, settings.greylist.delay, settings.greylist.keep};
  return out;
}

}  // namespace mail
