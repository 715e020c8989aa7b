// [routes]: domains for keys, next hops for values.
#include <array>

#include "base/text.h"
#include "daemon/settings/draft.h"

namespace mail {
namespace {

constexpr std::string_view kAvailable = "\"hold\" or \"discard\"";

// example.test = "hold" without quotes makes a table in a table: "example.test" again from it.
std::string joined(const toml::Entry& entry) {
  std::string name = entry.key;
  const toml::Table* table = entry.value.table();
  while (table != nullptr && table->entries.size() == 1) {
    append(name, '.', table->entries[0].key);
    table = table->entries[0].value.table();
  }
  return name;
}

bool comes_later(std::string_view target) {
  constexpr auto kSchemes = std::to_array<std::string_view>({"smtp:", "smtps:", "lmtp:"});
  for (const std::string_view scheme : kSchemes) {
    if (target.starts_with(scheme)) return true;
  }
  return target == "mx" || target == "local";
}

Complaint not_available() {
  return {"routes of this kind are not available in this version", "",
          concat("route to ", kAvailable, " until a version that has them runs")};
}

Refusal read_target(const toml::Entry& entry, Route& out) {
  if (const toml::Table* table = entry.value.table()) {
    if (table->find("to") != nullptr) return not_available();
    return Complaint{"is a table, not a route", concat(toml::quoted(joined(entry)), " = \"hold\""),
                     "a domain stands in quotes"};
  }
  const std::string* target = entry.value.string();
  const std::string remedy = concat("write ", kAvailable);
  if (target == nullptr) {
    return Complaint{concat("must be a string, not ", toml::kind_of(entry.value)), "", remedy};
  }
  if (*target == "hold" || *target == "discard") {
    out = *target == "hold" ? Route::hold : Route::discard;
    return std::nullopt;
  }
  if (comes_later(*target)) return not_available();
  const std::string_view meant = nearest(to_lower(*target), {"hold", "discard"});
  return Complaint{concat("cannot be ", toml::quoted(*target)),
                   meant.empty() ? std::string() : toml::quoted(meant), remedy};
}

// The name a route is kept under; empty when the key is no domain.
std::string domain_of(std::string_view key) {
  if (key == "*") return "*";
  const auto domain = Domain::parse(key);
  return domain && !domain->is_literal() ? domain->text() : std::string();
}

}  // namespace

void read_routes(const toml::Table& root, ConfigDraft& draft, Findings& findings) {
  const toml::Entry* section = root.find("routes");
  if (section == nullptr) return;
  const toml::Table* table = section->value.table();
  if (table == nullptr) {
    return findings.add(section->where, "routes",
                        {concat("is a section, not ", toml::kind_of(section->value)), "[routes]",
                         "write it as a section"});
  }
  for (const toml::Entry& entry : table->entries) {
    const std::string key = concat("routes.", toml::key_text(entry.key));
    const toml::Table* sub = entry.value.table();
    if (entry.key == "from" && sub != nullptr && sub->find("to") == nullptr) {
      findings.add(
          entry.where, key,
          {"is not known in this version", "", "remove it until a version that knows it runs"});
      continue;
    }
    Route route = Route::hold;
    if (Refusal refusal = read_target(entry, route)) {
      findings.add(entry.where, key, std::move(*refusal));
      continue;
    }
    std::string domain = domain_of(entry.key);
    if (domain.empty()) {
      findings.add(entry.where, key,
                   {"is neither a domain nor \"*\"", "",
                    "write the domain in full, like \"example.test\"; \"*\" is the default for "
                    "all others"});
    } else if (!draft.routes.emplace(domain, route).second) {
      findings.add(entry.where, key,
                   {"names a domain that has a route already", "", "keep one of the two"});
    }
  }
}

}  // namespace mail
