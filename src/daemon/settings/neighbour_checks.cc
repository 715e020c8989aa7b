// [[milter]] read, and whether what the configuration says of rspamd, clamd and mail filters makes
// sense.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/endpoint.h"
#include "daemon/settings/section_reader.h"

namespace mail {
namespace {

constexpr auto kRoles = std::to_array<std::string_view>({"mx", "submission", "relay"});

// What others write: "inet:8891@localhost", "unix:/run/x.sock", "http://127.0.0.1:11333".
std::string meant_by(std::string address) {
  if (address.starts_with("unix:/") || address.starts_with("local:/")) {
    return toml::quoted(address.substr(address.find('/')));
  }
  const std::size_t at = address.find('@');
  if (address.starts_with("inet:") && at != std::string::npos) {
    address = concat(address.substr(at + 1), ':', address.substr(5, at - 5));
  } else if (address.starts_with("http://")) {
    address.erase(0, 7);
  }
  if (address.starts_with("localhost:")) address.replace(0, 9, "127.0.0.1");
  const auto endpoint = parse_endpoint(address);
  return endpoint ? toml::quoted(endpoint->text()) : nearest_endpoint(address);
}

void check_address(const SectionDraft<NeighbourRow>& draft, const std::string& key,
                   Findings& findings) {
  std::string address = draft.values.address;
  if (!draft.fine("address") || !draft.written("address") || address.starts_with('/')) return;
  if (address.starts_with("localhost:")) address.replace(0, 9, "127.0.0.1");
  const auto endpoint = parse_endpoint(address);
  if (endpoint && endpoint->port != 0) return;
  findings.add(draft.place("address"), key,
               {concat(toml::quoted(draft.values.address),
                       " is neither an IP address and a port "
                       "nor an absolute path"),
                meant_by(address), "write it like \"127.0.0.1:8891\" or \"/run/filter.sock\""});
}

void check_one(const SectionDraft<NeighbourRow>& draft, std::string_view section,
               Findings& findings) {
  const bool asked = section == "milter" || !draft.values.address.empty();
  if (asked) check_address(draft, concat(section, ".address"), findings);
  if (!draft.fine("roles")) return;
  for (const std::string& role : draft.values.roles) {
    if (std::ranges::find(kRoles, role) != kRoles.end()) continue;
    findings.add(draft.place("roles"), concat(section, ".roles"),
                 {concat(toml::quoted(role), " is not the role of a listener"), "",
                  "name any of \"mx\", \"submission\" and \"relay\""});
  }
}

}  // namespace

void read_milters(const toml::Table& root, ConfigDraft& draft, Findings& findings) {
  const toml::Entry* entry = root.find(kMilterSection.name);
  if (entry == nullptr) return;
  const toml::Array* array = entry->value.array();
  if (array == nullptr) {
    return findings.add(entry->where, "milter",
                        {concat("is a list of sections, not ", toml::kind_of(entry->value)),
                         "[[milter]]", "double the brackets: there may be several filters"});
  }
  for (const toml::Value& value : *array) {
    SectionDraft<NeighbourRow> milter;
    milter.where = value.where;
    milter.table = value.table();
    if (milter.table == nullptr) {
      findings.add(value.where, "milter",
                   {concat("is a list of sections and holds ", toml::kind_of(value)), "[[milter]]",
                    "write each filter as a section"});
      continue;
    }
    read_section(kMilterSection, milter, findings);
    draft.milters.push_back(std::move(milter));
  }
}

void check_neighbours(const ConfigDraft& draft, Findings& findings) {
  for (const auto& milter : draft.milters) check_one(milter, "milter", findings);
  check_one(draft.clamd, "clamd", findings);
  check_one(draft.rspamd, "rspamd", findings);
}

}  // namespace mail
