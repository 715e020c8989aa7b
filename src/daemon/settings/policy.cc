// [policy] and [[blocklist]]: what rows alone cannot say.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "codec/address/address.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/section_reader.h"

namespace mail {
namespace {

constexpr std::string_view kDomainRemedy = "write domains in full, like \"example.org\"";

// The one spelling of a domain; nothing where it is none.
std::optional<std::string> domain_of(const std::string& text) {
  const auto domain = Domain::parse(text);
  if (!domain || domain->is_literal() || domain->empty()) return std::nullopt;
  return domain->text();
}

void check_domains(SectionDraft<PolicySettings>& policy, std::string_view name,
                   std::vector<std::string>& domains, std::set<std::string>* seen,
                   Findings& findings) {
  if (!policy.fine(name)) return;
  for (std::string& text : domains) {
    auto domain = domain_of(text);
    if (!domain) {
      return findings.add(
          policy.place(name), concat("policy.", name),
          {concat(toml::quoted(text), " is not a domain"), "", std::string(kDomainRemedy)});
    }
    if (seen != nullptr && !seen->insert(*domain).second) {
      return findings.add(policy.place(name), concat("policy.", name),
                          {concat("names ", toml::quoted(*domain), ", which has a mode already"),
                           "", "keep it in one of the lists"});
    }
    text = std::move(*domain);
  }
}

void check_list(SectionDraft<BlocklistRow>& list, std::set<std::string>& zones,
                Findings& findings) {
  if (list.fine("zone")) {
    std::string& zone = list.values.zone;
    auto domain = domain_of(zone.ends_with('.') ? zone.substr(0, zone.size() - 1) : zone);
    if (!domain) {
      findings.add(list.place("zone"), "blocklist.zone",
                   {concat(toml::quoted(zone), " is not a domain"), "",
                    "write the domain of the list, like \"bl.example.org\""});
    } else if (!zones.insert(*domain).second) {
      findings.add(list.place("zone"), "blocklist.zone",
                   {"names a list that is asked already", "", "keep one of the two"});
    } else {
      zone = std::move(*domain);
    }
  }
  const bool printable =
      std::ranges::all_of(list.values.reply, [](char c) { return c >= ' ' && c <= '~'; });
  if (list.fine("reply") && (!printable || list.values.reply.size() > 300)) {
    findings.add(list.place("reply"), "blocklist.reply",
                 {"must be one line of at most 300 ASCII characters", "",
                  "shorten it; an address on the web says more"});
  }
}

}  // namespace

void read_blocklists(const toml::Table& root, ConfigDraft& draft, Findings& findings) {
  const toml::Entry* entry = root.find(kBlocklistSection.name);
  if (entry == nullptr) return;
  const toml::Array* array = entry->value.array();
  const bool sections = array != nullptr && std::ranges::all_of(*array, [](const auto& value) {
                          return value.table() != nullptr;
                        });
  if (!sections) {
    return findings.add(entry->where, "blocklist",
                        {"is a list of sections", "[[blocklist]]",
                         "double the brackets: there may be several lists"});
  }
  std::set<std::string> zones;
  for (const toml::Value& value : *array) {
    SectionDraft<BlocklistRow> list;
    list.where = value.where;
    list.table = value.table();
    read_section(kBlocklistSection, list, findings);
    check_list(list, zones, findings);
    draft.blocklists.push_back(std::move(list.values));
  }
}

void check_policy(ConfigDraft& draft, Findings& findings) {
  SectionDraft<PolicySettings>& policy = draft.policy;
  PolicySettings& values = policy.values;
  std::set<std::string> seen;
  check_domains(policy, "observe", values.observe, &seen, findings);
  check_domains(policy, "junk", values.junk, &seen, findings);
  check_domains(policy, "balanced", values.balanced, &seen, findings);
  check_domains(policy, "enforce", values.enforce, &seen, findings);
  check_domains(policy, "trusted_forwarders", values.trusted_forwarders, nullptr, findings);
  if (policy.fine("junk_score") && policy.fine("reject_score") &&
      values.reject_score < values.junk_score) {
    findings.add(
        policy.place("reject_score"), "policy.reject_score",
        {concat("is ", values.reject_score, ", below junk_score (", values.junk_score, ")"), "",
         "raise it: what is refused is worse than junk"});
  }
}

}  // namespace mail
