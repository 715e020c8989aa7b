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

std::string explain_routes() {
  return concat("routes.\"DOMAIN\"\n  ", kRoutesHelp,
                "\n  value:   \"hold\" or \"discard\"\n  default: no routes\n"
                "  change:  takes effect at a reload (SIGHUP)\n");
}

std::string explain_all() {
  std::string out;
  for (const SettingInfo& info : all_settings()) {
    append(out, info.key, " = ", info.fallback.empty() ? "(required)" : info.fallback, '\n');
  }
  return out.append("routes.\"DOMAIN\" = (none)\n");
}

bool is_later(std::string_view key) {
  return std::ranges::any_of(kLaterKeys, [key](std::string_view later) {
    return key == later || key.starts_with(concat(later, "."));
  });
}

CommandText explain_unknown(std::string_view key, const std::vector<SettingInfo>& infos) {
  if (is_later(key)) return {kExitUsage, concat(key, ": is not known in this version\n")};
  std::vector<std::string_view> known{"routes"};
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

toml::Table routes_tree(const Settings& settings) {
  toml::Table table;
  for (const auto& [domain, route] : settings.route_rows) {
    table.set(domain, write_value(std::string(route == Route::hold ? "hold" : "discard")));
  }
  return table;
}

void append_entries(std::string& out, const toml::Table& table) {
  for (const toml::Entry& entry : table.entries) {
    append(out, toml::key_text(entry.key), " = ");
    toml::append_value(out, entry.value);
    out.push_back('\n');
  }
}

// A tree of sections, at most one deep, as a file.
std::string file_of(const toml::Table& tree) {
  std::string out;
  for (const toml::Entry& entry : tree.entries) {
    if (const toml::Table* section = entry.value.table()) {
      append(out, "\n[", entry.key, "]\n");
      append_entries(out, *section);
    } else if (entry.key == kListenerSection.name) {
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
  });
  return infos;
}

std::string_view routes_help() { return kRoutesHelp; }

CommandText config_check(const std::string& path) {
  const auto settings = load_settings(path);
  if (!settings) return {kExitConfig, to_string(settings.error())};
  const std::size_t count = (*settings)->listeners.size();
  return {kExitOk, concat(path, ": correct, ", count, count == 1 ? " listener\n" : " listeners\n")};
}

CommandText config_explain(std::string_view key) {
  if (key.empty()) return {kExitOk, explain_all()};
  if (key == "routes" || (key.starts_with("routes.") && !is_later(key))) {
    return {kExitOk, explain_routes()};
  }
  const std::vector<SettingInfo> infos = all_settings();
  const auto collect = [&](auto matches) {
    std::string out;
    for (const SettingInfo& info : infos) {
      if (matches(info)) out += explain_one(info);
    }
    return out;
  };
  std::string text = collect([key](const SettingInfo& info) { return info.key == key; });
  if (text.empty()) {
    text = collect([key](const SettingInfo& info) {
      return info.name == key || (!info.section.empty() && info.section == key);
    });
  }
  if (text.empty()) return explain_unknown(key, infos);
  return {kExitOk, std::move(text)};
}

toml::Table config_tree(const Settings& settings) {
  toml::Table tree = section_tree(kGlobalSection, settings);
  toml::Array listeners;
  for (const auto& listener : settings.listeners) {
    listeners.push_back({section_tree(kListenerSection, *listener), {}});
  }
  tree.set(std::string(kListenerSection.name), {std::move(listeners), {}});
  each_section([&](const auto& section) {
    if (section.part == nullptr) return;
    if (section.name == kTlsSection.name && !settings.tls.present()) return;
    tree.set(std::string(section.name), {section_tree(section, settings.*section.part), {}});
    if (section.name == kRelaySection.name) tree.set("routes", {routes_tree(settings), {}});
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
