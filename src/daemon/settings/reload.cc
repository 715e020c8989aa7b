// What a reload may not change (design §7: "a restart-only key that changed is named").
#include <algorithm>

#include "base/text.h"
#include "daemon/settings/tables.h"
#include "daemon/settings/values.h"

namespace mail {
namespace {

using ListenerPointer = std::shared_ptr<const smtp::SmtpListener>;

template <typename T>
bool same(const Setting<T>& row, const T& a, const T& b) {
  return std::visit(
      [&](auto member) {
        return file_text(write_value(a.*member)) == file_text(write_value(b.*member));
      },
      row.member);
}

// Names the restart-only keys that differ, and gives `loaded` the values of `running` for them.
template <typename T>
void hold_back(const Section<T>& section, const T& running, T& loaded, std::string_view where,
               std::vector<std::string>& names) {
  for (const Setting<T>& row : section.rows) {
    if (row.reload == Reload::live || same(row, running, loaded)) continue;
    names.push_back(concat(key_of(section, row.name), where));
    std::visit([&](auto member) { loaded.*member = running.*member; }, row.member);
  }
}

// The running listener on the same address, if any.
const smtp::SmtpListener* counterpart(const Settings& running, const std::string& address) {
  const auto found = std::ranges::find(running.listeners, address,
                                       [](const ListenerPointer& each) { return each->address; });
  return found == running.listeners.end() ? nullptr : found->get();
}

Settings merge(const Settings& running, const Settings& loaded, std::vector<std::string>& names) {
  Settings merged = loaded;
  hold_back(kGlobalSection, running, merged, "", names);
  for (ListenerPointer& listener : merged.listeners) {
    smtp::SmtpListener values = *listener;
    // A listener that follows the global name is not named for it again, and follows the old one.
    if (values.hostname == loaded.hostname) values.hostname = merged.hostname;
    if (const smtp::SmtpListener* before = counterpart(running, values.address)) {
      hold_back(kListenerSection, *before, values, concat(" (", values.address, ")"), names);
    }
    listener = std::make_shared<const smtp::SmtpListener>(std::move(values));
  }
  const auto same_milter = [](const NeighbourRow& a, const NeighbourRow& b) {
    return std::ranges::all_of(kMilterSettings, [&](const auto& row) { return same(row, a, b); });
  };
  if (!std::ranges::equal(running.milters, loaded.milters, same_milter)) {
    names.emplace_back(kMilterSection.name);
    merged.milters = running.milters;
  }
  each_section([&](const auto& section) {
    if (section.part == nullptr) return;
    hold_back(section, running.*section.part, merged.*section.part, "", names);
  });
  return merged;
}

}  // namespace

std::vector<std::string> changed_restart_only(const Settings& running, const Settings& loaded) {
  std::vector<std::string> names;
  merge(running, loaded, names);
  return names;
}

std::shared_ptr<const Settings> until_restart(const Settings& running, const Settings& loaded) {
  std::vector<std::string> names;
  return std::make_shared<const Settings>(merge(running, loaded, names));
}

}  // namespace mail
