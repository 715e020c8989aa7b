#include "daemon/ctl/config_json.h"

#include "base/text.h"
#include "platform/json/json.h"

namespace mail::ctl {
namespace {

json::Object object_of(const toml::Table& table);

json::Value value_of(const toml::Value& value) {
  if (const bool* flag = value.boolean()) return *flag;
  if (const std::int64_t* number = value.integer()) return *number;
  if (const std::string* text = value.string()) return *text;
  if (const toml::Table* table = value.table()) return object_of(*table);
  json::Array array;
  if (const toml::Array* items = value.array()) {
    for (const toml::Value& item : *items) array.push_back(value_of(item));
  }
  return array;
}

json::Object object_of(const toml::Table& table) {
  json::Object object;
  for (const toml::Entry& entry : table.entries) {
    object.push_back({entry.key, value_of(entry.value)});
  }
  return object;
}

json::Object row_of(const SettingInfo& info) {
  json::Object row{{"key", info.key}, {"help", info.help}, {"value", info.possible}};
  row.push_back({"default", info.fallback.empty() ? json::Value() : json::Value(info.fallback)});
  row.push_back({"required", info.fallback.empty()});
  row.push_back({"change", info.needs_restart ? "restart" : "reload"});
  if (!info.effective_only.empty()) row.push_back({"only", info.effective_only});
  return row;
}

}  // namespace

std::string json_of(const toml::Table& tree) {
  return json::to_string(json::Value(object_of(tree))) + '\n';
}

CommandText explain_json(std::string_view key) {
  const CommandText known = config_explain(key);
  if (known.exit_status != kExitOk) return known;
  json::Array rows;
  for (const SettingInfo& info : settings_about(key)) rows.push_back(row_of(info));
  return {kExitOk, json::to_string(json::Value(std::move(rows))) + '\n'};
}

}  // namespace mail::ctl
