#include "daemon/settings/commands.h"

#include <algorithm>

#include "base/text.h"
#include "daemon/settings/tables.h"
#include "daemon/settings/values.h"

namespace mail {
namespace {

template <typename T>
SettingInfo info_of(const Section<T>& section, const Setting<T>& row) {
  SettingInfo info;
  info.section = section.name;
  info.name = row.name;
  info.key = key_of(section, row.name);
  info.needs_restart = row.reload == Reload::restart;
  info.help = row.help;
  info.effective_only = row.effective_only;
  std::visit(
      [&](auto member) {
        const auto example = std::remove_cvref_t<decltype(std::declval<T>().*member)>{};
        info.possible = possible(example, row.limits);
        if (row.fallback != kRequired) {
          info.fallback = file_text(fallback_value(example, row.fallback));
        }
      },
      row.member);
  return info;
}

std::string explain_one(const SettingInfo& info) {
  std::string out = concat(info.key, "\n  ", info.help, '\n');
  append(out, "  value:   ", info.possible, '\n');
  append(out, "  default: ", info.fallback.empty() ? "none, it must be written" : info.fallback,
         '\n');
  append(
      out, "  change:  ",
      info.needs_restart ? "takes effect at the next start" : "takes effect at a reload (SIGHUP)",
      '\n');
  if (!info.effective_only.empty()) append(out, "  only:    ", info.effective_only, '\n');
  return out;
}

std::string explain_all() {
  std::string out;
  for (const SettingInfo& info : all_settings()) {
    append(out, info.key, " = ", info.fallback.empty() ? "(required)" : info.fallback, '\n');
  }
  return out;
}

// "routes" and "routes.example.test" are about the rows of routes.DOMAIN.
bool in_section(const SettingInfo& info, std::string_view key) {
  if (info.section == kRouteSection.name) return key == "routes" || key.starts_with("routes.");
  return !info.section.empty() && info.section == key;
}

bool is_later(std::string_view key) {
  return std::ranges::any_of(kLaterKeys, [key](std::string_view later) {
    return key == later || key.starts_with(concat(later, "."));
  });
}

CommandText explain_unknown(std::string_view key, const std::vector<SettingInfo>& infos) {
  if (is_later(key)) return {kExitUsage, concat(key, ": is not known in this version\n")};
  std::vector<std::string_view> known{"routes"};  // routes.DOMAIN is how its rows are named
  for (const SettingInfo& info : infos) {
    known.push_back(info.key);
    if (!info.section.empty()) known.push_back(info.section);
  }
  std::string_view meant = nearest(to_lower(key), known);
  if (meant.empty()) {
    known.clear();
    for (const SettingInfo& info : infos) known.push_back(info.name);
    meant = nearest(to_lower(key), known);
  }
  std::string out = concat(key, ": is not a known key\n");
  if (!meant.empty()) append(out, "  did you mean ", meant, "?\n");
  return {kExitUsage,
          out.append("  remedy: \"mailwright config explain\" without a key lists every key\n")};
}

template <typename T>
toml::Table section_tree(const Section<T>& section, const T& values) {
  toml::Table table;
  for (const Setting<T>& row : section.rows) {
    // What has no effect beside the others would be refused when the dump is read again.
    if (row.has_effect != nullptr && !row.has_effect(values)) continue;
    std::visit([&](auto member) { table.set(std::string(row.name), write_value(values.*member)); },
               row.member);
  }
  return table;
}

template <typename T>
toml::Table default_section(const Section<T>& section) {
  toml::Table table;
  for (const Setting<T>& row : section.rows) {
    if (row.fallback == kRequired) continue;
    std::visit(
        [&](auto member) {
          const auto example = std::remove_cvref_t<decltype(std::declval<T>().*member)>{};
          table.set(std::string(row.name), fallback_value(example, row.fallback));
        },
        row.member);
  }
  return table;
}

// Routes by sender, as against the route of a domain that is called "from".
const toml::Table* routes_from(const toml::Entry& entry) {
  const toml::Table* table = entry.key == "from" ? entry.value.table() : nullptr;
  return table == nullptr || table->find("to") != nullptr ? nullptr : table;
}

void append_entries(std::string& out, const toml::Table& table) {
  for (const toml::Entry& entry : table.entries) {
    if (routes_from(entry) != nullptr) continue;
    append(out, toml::key_text(entry.key), " = ");
    toml::append_value(out, entry.value);
    out.push_back('\n');
  }
}

void append_routes_from(std::string& out, const toml::Table& routes) {
  for (const toml::Entry& entry : routes.entries) {
    const toml::Table* from = routes_from(entry);
    if (from == nullptr) continue;
    out += "\n[routes.from]\n";
    append_entries(out, *from);
  }
}

// A tree of sections, at most one deep but for [routes.from], as a file.
std::string file_of(const toml::Table& tree) {
  std::string out;
  for (const toml::Entry& entry : tree.entries) {
    if (const toml::Table* section = entry.value.table()) {
      append(out, "\n[", entry.key, "]\n");
      append_entries(out, *section);
      if (entry.key == "routes") append_routes_from(out, *section);
    } else if (entry.key == kListenerSection.name || entry.key == kBlocklistSection.name ||
               entry.key == kMilterSection.name) {
      for (const toml::Value& listener : *entry.value.array()) {
        append(out, "\n[[", entry.key, "]]\n");
        append_entries(out, *listener.table());
      }
    } else {
      append(out, entry.key, " = ");
      toml::append_value(out, entry.value);
      out.push_back('\n');
    }
  }
  return out;
}

}  // namespace

std::vector<SettingInfo> all_settings() {
  std::vector<SettingInfo> infos;
  each_section([&](const auto& section) {
    for (const auto& row : section.rows) infos.push_back(info_of(section, row));
    if (section.name != kRelaySection.name) return;
    for (const auto& row : kRouteSettings) infos.push_back(info_of(kRouteSection, row));
  });
  return infos;
}

std::vector<SettingInfo> settings_about(std::string_view key) {
  std::vector<SettingInfo> all = all_settings();
  if (key.empty()) return all;
  const bool exact = std::ranges::find(all, key, &SettingInfo::key) != all.end();
  std::erase_if(all, [&](const SettingInfo& info) {
    return info.key != key && (exact || (info.name != key && !in_section(info, key)));
  });
  return all;
}

CommandText config_check(const std::string& path) {
  const auto settings = load_settings(path);
  if (!settings) return {kExitConfig, to_string(settings.error())};
  const std::size_t count = (*settings)->listeners.size();
  return {kExitOk, concat(path, ": correct, ", count, count == 1 ? " listener\n" : " listeners\n")};
}

CommandText config_explain(std::string_view key) {
  if (key.empty()) return {kExitOk, explain_all()};
  const std::vector<SettingInfo> about = settings_about(key);
  if (about.empty()) return explain_unknown(key, all_settings());
  std::string text;
  for (const SettingInfo& info : about) text += explain_one(info);
  return {kExitOk, std::move(text)};
}

toml::Table config_tree(const Settings& settings) {
  toml::Table tree = section_tree(kGlobalSection, settings);
  toml::Array listeners;
  for (const auto& listener : settings.listeners) {
    listeners.push_back({section_tree(kListenerSection, *listener), {}});
  }
  tree.set(std::string(kListenerSection.name), {std::move(listeners), {}});
  toml::Array blocklists;
  for (const BlocklistRow& list : settings.blocklists) {
    blocklists.push_back({section_tree(kBlocklistSection, list), {}});
  }
  if (!blocklists.empty()) {
    tree.set(std::string(kBlocklistSection.name), {std::move(blocklists), {}});
  }
  toml::Array milters;
  for (const NeighbourRow& milter : settings.milters) {
    milters.push_back({section_tree(kMilterSection, milter), {}});
  }
  if (!milters.empty()) tree.set(std::string(kMilterSection.name), {std::move(milters), {}});
  each_section([&](const auto& section) {
    if (section.part == nullptr) return;
    if (section.name == kTlsSection.name && !settings.tls.present()) return;
    tree.set(std::string(section.name), {section_tree(section, settings.*section.part), {}});
    if (section.name == kRelaySection.name) tree.set("routes", {settings.route_rows, {}});
  });
  return tree;
}

toml::Table default_tree() {
  toml::Table tree = default_section(kGlobalSection);
  tree.set(std::string(kListenerSection.name),
           {toml::Array{{default_section(kListenerSection), {}}}, {}});
  each_section([&](const auto& section) {
    if (section.part == nullptr) return;
    tree.set(std::string(section.name), {default_section(section), {}});
    if (section.name == kRelaySection.name) tree.set("routes", {toml::Table{}, {}});
  });
  return tree;
}

std::string config_dump(const Settings& settings) { return file_of(config_tree(settings)); }

std::string config_dump_defaults() {
  std::string out = "# Without a default, to be written where their section stands:\n#";
  for (const SettingInfo& info : all_settings()) {
    if (info.fallback.empty()) append(out, ' ', info.key);
  }
  return concat(out, '\n', file_of(default_tree()));
}

}  // namespace mail
