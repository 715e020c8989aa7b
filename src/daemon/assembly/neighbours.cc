#include "daemon/assembly/neighbours.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "daemon/assembly/status.h"
#include "service/neighbours/clamd_judge.h"
#include "service/neighbours/milter_judge.h"
#include "service/neighbours/rspamd_judge.h"

namespace mail {
namespace {

using smtp::Role;

NeighbourSettings from(const NeighbourRow& row, std::string name, std::vector<Role> roles) {
  if (!row.roles.empty()) {
    roles.clear();
    for (const Role role : {Role::mx, Role::submission, Role::relay}) {
      if (std::ranges::find(row.roles, smtp::to_string(role)) != row.roles.end()) {
        roles.push_back(role);
      }
    }
  }
  return {.name = std::move(name),
          .address = row.address,
          .timeout = row.timeout,
          .accept_when_away = row.on_failure == OnFailure::accept,
          .connections = row.connections,
          .roles = std::move(roles),
          .max_size = row.max_size};
}

}  // namespace

std::vector<std::unique_ptr<NeighbourJudge>> make_neighbours(const Settings& settings,
                                                             const Clock& clock) {
  const std::vector<Role> everybody{Role::mx, Role::submission, Role::relay};
  std::vector<std::unique_ptr<NeighbourJudge>> judges;
  for (const NeighbourRow& milter : settings.milters) {
    judges.push_back(
        std::make_unique<MilterJudge>(from(milter, concat("milter ", milter.address), everybody),
                                      concat("Mailwright ", kVersion), clock));
  }
  if (!settings.clamd.address.empty()) {
    judges.push_back(std::make_unique<ClamdJudge>(from(settings.clamd, "clamd", everybody), clock));
  }
  if (!settings.rspamd.address.empty()) {
    judges.push_back(
        std::make_unique<RspamdJudge>(from(settings.rspamd, "rspamd", {Role::mx}), clock));
  }
  return judges;
}

}  // namespace mail
