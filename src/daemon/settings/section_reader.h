// Internal to daemon/settings: reads one section of the file by the rows that declare it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/tables.h"

namespace mail {

inline constexpr std::string_view kListHint = "\"mailwright config explain\" lists every key";

// Where a key of this name would be right: "listener.role" for "role".
inline std::string home_of(std::string_view name) {
  std::string found;
  each_section([&](const auto& section) {
    for (const auto& row : section.rows) {
      if (row.name == name && found.empty()) found = key_of(section, name);
    }
  });
  return found;
}

std::vector<std::string_view> names_in(const auto& section) {
  std::vector<std::string_view> names;
  for (const auto& row : section.rows) names.push_back(row.name);
  return names;
}

inline std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  each_section([&](const auto& section) {
    if (!section.name.empty()) names.push_back(section.name);
  });
  names.emplace_back("routes");
  return names;
}

inline Complaint unknown_key(const std::string& key, std::string_view name,
                             const std::vector<std::string_view>& neighbours) {
  if (std::ranges::find(kLaterKeys, std::string_view(key)) != kLaterKeys.end()) {
    return {"is not known in this version", "", "remove it until a version that knows it runs"};
  }
  const std::string_view near = nearest(to_lower(name), neighbours);
  std::string meant(near);
  if (near.empty()) meant = home_of(name);
  if (!near.empty() || meant.empty()) {
    return {"is not a known key", std::move(meant), concat("correct or remove it; ", kListHint)};
  }
  const bool global = !meant.contains('.');
  return {"is not a known key here", meant,
          global ? "global keys stand above the first [section]" : "move it to its own section"};
}

// Whether a key that is not known stands where `name` was meant: that is one mistake, not two.
template <typename T>
bool misspelt(const Section<T>& section, const SectionDraft<T>& draft, std::string_view name) {
  const std::vector<std::string_view> known = names_in(section);
  return draft.table != nullptr &&
         std::ranges::any_of(draft.table->entries, [&](const toml::Entry& entry) {
           return std::ranges::find(known, entry.key) == known.end() &&
                  nearest(to_lower(entry.key), known) == name;
         });
}

template <typename T>
Complaint missing(const Section<T>& section, const Setting<T>& row) {
  const std::string_view place =
      section.name.empty() ? "above the first [section]" : "to this section";
  return {"is missing", "",
          concat("add ", row.name, " = ", toml::quoted(row.example), ", or the like, ", place)};
}

template <typename T>
void read_row(const Section<T>& section, const Setting<T>& row, SectionDraft<T>& draft,
              Findings& findings) {
  const auto refuse = [&](toml::Position where, Complaint complaint) {
    draft.refused.insert(row.name);
    findings.add(where, key_of(section, row.name), std::move(complaint));
  };
  const toml::Entry* entry = draft.table == nullptr ? nullptr : draft.table->find(row.name);
  if (entry == nullptr && row.fallback == kRequired) {
    if (!misspelt(section, draft, row.name)) return refuse(draft.where, missing(section, row));
    draft.refused.insert(row.name);
    return;
  }
  std::visit(
      [&](auto member) {
        auto& out = draft.values.*member;
        if (row.fallback != kRequired) {
          // A default obeys its own limits.
          MAIL_ASSERT(!read_value(fallback_value(out, row.fallback), row.limits, out));
        }
        if (entry == nullptr) return;
        if (Refusal refusal = read_value(entry->value, row.limits, out)) {
          refuse(entry->where, std::move(*refusal));
        }
      },
      row.member);
}

// Values that do nothing: told once all rows are read, since they depend on each other.
template <typename T>
void check_effect(const Setting<T>& row, const std::string& key, SectionDraft<T>& draft,
                  Findings& findings) {
  if (row.has_effect == nullptr || !draft.written(row.name) || !draft.fine(row.name)) return;
  if (!draft.fine("role") || row.has_effect(draft.values)) return;
  const bool differs = std::visit(
      [&](auto member) {
        const auto& value = draft.values.*member;
        return file_text(write_value(value)) != file_text(fallback_value(value, row.fallback));
      },
      row.member);
  if (!differs) return;  // the line only repeats the default
  draft.refused.insert(row.name);
  findings.add(draft.place(row.name), key,
               {"has no effect here", "", concat("remove it: it works only ", row.effective_only)});
}

template <typename T>
void read_section(const Section<T>& section, SectionDraft<T>& draft, Findings& findings) {
  for (const Setting<T>& row : section.rows) {
    read_row(section, row, draft, findings);
  }
  for (const Setting<T>& row : section.rows) {
    check_effect(row, key_of(section, row.name), draft, findings);
  }
  if (section.name.empty() || draft.table == nullptr) return;
  const std::vector<std::string_view> known = names_in(section);
  for (const toml::Entry& entry : draft.table->entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    const std::string key = key_of(section, entry.key);
    findings.add(entry.where, key, unknown_key(key, entry.key, known));
  }
}

}  // namespace mail
