// One row per setting: its name, where its value lives, default, limits, when a change takes
// effect, and what it is for. Reader, limits, dump, explain and docs/configuration.md all come from
// the rows in tables.h; nothing about a setting is said twice.
// Rows are constants. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"
#include "codec/address/ip_address.h"
#include "codec/smtp/listener.h"
#include "daemon/settings/settings.h"

namespace mail {

enum class Reload : std::uint8_t {
  live,     // from the reload on, for sessions that begin after it
  restart,  // named at a reload and kept as it was until the program is started again
};

// Least and most, both allowed: a count, bytes or seconds by the type of the member. {0, 0} for
// types without a size. The least is never 0 where 0 could be read as "unlimited".
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

// For `fallback`: there is no default, the file must say.
inline constexpr const char* kRequired = nullptr;

template <typename T>
struct Setting {
  using Member =
      std::variant<std::string T::*, bool T::*,
                   std::uint32_t T::*,         // a count: 100
                   std::uint64_t T::*,         // a size: "50MiB"
                   std::chrono::seconds T::*,  // a duration: "5m"
                   smtp::Role T::*, smtp::TlsMode T::*, smtp::Mode T::*, smtp::BareLf T::*,
                   smtp::TraceClient T::*, log::Level T::*, std::vector<IpNetwork> T::*,
                   RouteTls T::*, OnFailure T::*, std::vector<std::string> T::*, NameServers T::*,
                   std::optional<bool> T::*, PolicyMode T::*>;

  std::string_view name;
  Member member;
  const char* fallback;  // the default as the file writes it, without quotes; or kRequired
  Range limits;
  Reload reload;
  std::string_view help;
  // Whether the setting does anything beside the others; nothing: always. A value that does nothing
  // is refused, because somebody believes that it does.
  bool (*has_effect)(const T& with) = nullptr;
  std::string_view effective_only = {};  // "on a listener with role = \"mx\""
  std::string_view example = {};         // for what is required and missing
};

// The settings under one [name]; the global ones have no name.
template <typename T>
struct Section {
  std::string_view name;
  T Settings::* part;  // null for the global settings and for [[listener]]
  std::span<const Setting<T>> rows;
  std::string_view help;
};

}  // namespace mail
