// [routes]: domains for keys, next hops for values.
#include "base/text.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/route_target.h"
#include "daemon/settings/section_reader.h"

namespace mail {
namespace {

using RouteMap = std::map<std::string, std::shared_ptr<const Route>>;

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

// A table in a table, and nothing a route knows in it.
bool lost_its_quotes(const toml::Table& table) {
  return table.entries.size() == 1 && table.find("to") == nullptr &&
         (table.entries[0].value.table() != nullptr ||
          nearest(to_lower(table.entries[0].key), names_in(kRouteSection)).empty());
}

// The row's values from a table; false where something in it was refused.
bool read_table(const toml::Entry& entry, const std::string& key, RouteRow& row,
                Findings& findings) {
  const toml::Table& table = *entry.value.table();
  if (lost_its_quotes(table)) {
    findings.add(entry.where, key,
                 {"is a table, not a route", concat(toml::quoted(joined(entry)), " = \"hold\""),
                  "a domain stands in quotes"});
    return false;
  }
  const Section<RouteRow> section{key, nullptr, kRouteSettings, {}};
  SectionDraft<RouteRow> draft;
  draft.table = &table;
  draft.where = entry.where;
  const std::size_t before = findings.size();
  read_section(section, draft, findings);
  row = std::move(draft.values);
  return findings.size() == before;
}

bool read_row(const toml::Entry& entry, const std::string& key, RouteRow& row, Findings& findings) {
  if (entry.value.table() != nullptr) return read_table(entry, key, row, findings);
  const std::string* target = entry.value.string();
  if (target == nullptr) {
    findings.add(entry.where, key,
                 {concat("must be a string or a table, not ", toml::kind_of(entry.value)), "",
                  "write the next hop, like \"smtp://relay.example.org\" or \"hold\""});
    return false;
  }
  row.to = *target;
  return true;
}

// The name a route is kept under; empty when the key is no domain.
std::string domain_of(std::string_view key, bool star_allowed) {
  if (key == "*") return star_allowed ? "*" : "";
  const auto domain = Domain::parse(key);
  return domain && !domain->is_literal() ? domain->text() : std::string();
}

// As the file writes it, with the one spelling of its next hop.
toml::Value shown(const toml::Value& written, const std::string& to) {
  const toml::Table* table = written.table();
  if (table == nullptr) return {to, {}};
  toml::Table out;
  for (const toml::Entry& entry : table->entries) {
    out.set(entry.key, entry.key == "to" ? toml::Value{to, {}} : entry.value);
  }
  return {std::move(out), {}};
}

void read_one(const toml::Entry& entry, const std::string& prefix, bool star_allowed, RouteMap& out,
              toml::Table& rows, Findings& findings) {
  const std::string key = concat(prefix, toml::key_text(entry.key));
  RouteRow row;
  if (!read_row(entry, key, row, findings)) return;
  Route route;
  if (auto fault = make_route(row, route)) {
    const toml::Table* table = entry.value.table();
    const toml::Entry* blamed = table == nullptr ? nullptr : table->find(fault->first);
    return findings.add(blamed == nullptr ? entry.where : blamed->where,
                        table == nullptr ? key : concat(key, '.', fault->first),
                        std::move(fault->second));
  }
  std::string domain = domain_of(entry.key, star_allowed);
  if (domain.empty()) {
    return findings.add(
        entry.where, key,
        {star_allowed ? "is neither a domain nor \"*\"" : "is not a domain", "",
         star_allowed ? "write the domain in full, like \"example.test\"; \"*\" is the default for "
                        "all others"
                      : "write the sender's domain in full; the default \"*\" stands in [routes]"});
  }
  if (!out.emplace(domain, std::make_shared<const Route>(std::move(route))).second) {
    return findings.add(entry.where, key,
                        {"names a domain that has a route already", "", "keep one of the two"});
  }
  rows.set(std::move(domain), shown(entry.value, row.to));
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
  toml::Table from;
  for (const toml::Entry& entry : table->entries) {
    const toml::Table* sub = entry.value.table();
    if (entry.key != "from" || sub == nullptr || sub->find("to") != nullptr) {
      read_one(entry, "routes.", true, draft.by_recipient, draft.route_rows, findings);
      continue;
    }
    for (const toml::Entry& sender : sub->entries) {
      read_one(sender, "routes.from.", false, draft.by_sender, from, findings);
    }
  }
  if (!from.entries.empty()) draft.route_rows.set("from", {std::move(from), {}});
}

}  // namespace mail
