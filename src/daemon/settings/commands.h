// What `mailwright config` answers, as text and as values for --json; and docs/configuration.md.
// Pure but for config_check(), which reads what the configuration names.
#pragma once

#include <string>

#include "daemon/settings/settings.h"
#include "platform/toml/toml.h"

namespace mail {

// sysexits.h; the names are those of the header, which defines macros.
inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;   // EX_USAGE: no such key
inline constexpr int kExitConfig = 78;  // EX_CONFIG: the configuration is not accepted

struct CommandText {
  int exit_status = kExitOk;
  std::string text;  // whole lines; to standard error unless the status is 0
};

// All problems of the file, or one line that says what it sets up.
CommandText config_check(const std::string& path);

// A key ("listener.role", or "role" where one section has it), a section, or "" for all keys.
CommandText config_explain(std::string_view key);

// The settings in force, defaults included, as a file that loads to the same; and as values.
std::string config_dump(const Settings& settings);
toml::Table config_tree(const Settings& settings);
// Every default, with one listener; what has none is named in a comment and missing in the tree.
std::string config_dump_defaults();
toml::Table default_tree();

// One setting as the rows declare it; keys in the order of the documentation.
struct SettingInfo {
  std::string section;   // empty for the global ones
  std::string name;      // "role"
  std::string key;       // "listener.role"
  std::string possible;  // "a number from 100 to 100000"
  std::string fallback;  // as the file writes it; empty: required
  bool needs_restart = false;
  std::string help;
  std::string effective_only;  // "on a listener with role = ..."; empty: always
};
std::vector<SettingInfo> all_settings();
// Those a key ("listener.role", or "role" alone), a section or "" (all) asks about; may be empty.
std::vector<SettingInfo> settings_about(std::string_view key);

// docs/configuration.md; a test compares the file with it.
std::string configuration_markdown();

}  // namespace mail
