// Setting values to and from the file: one overload per type a row may have. Sizes and durations
// carry their unit ("50MiB", "5m"); a bare number for them is refused.
// Pure. Any thread. A value that is refused leaves `out` as it was and says why.
#pragma once

#include <optional>

#include "daemon/settings/setting.h"
#include "platform/toml/toml.h"

namespace mail {

struct Complaint {
  std::string what;    // "must be between 100 and 100000, not 5"
  std::string meant;   // what was probably meant, as the file would write it; may be empty
  std::string remedy;  // what to do
};
using Refusal = std::optional<Complaint>;  // nothing: fine

// The overloads are found by the type of the member a row points to.
Refusal read_value(const toml::Value& value, Range limits, std::string& out);
Refusal read_value(const toml::Value& value, Range limits, bool& out);
Refusal read_value(const toml::Value& value, Range limits, std::uint32_t& out);
Refusal read_value(const toml::Value& value, Range limits, std::uint64_t& out);
Refusal read_value(const toml::Value& value, Range limits, std::chrono::seconds& out);
Refusal read_value(const toml::Value& value, Range limits, smtp::Role& out);
Refusal read_value(const toml::Value& value, Range limits, smtp::TlsMode& out);
Refusal read_value(const toml::Value& value, Range limits, smtp::BareLf& out);
Refusal read_value(const toml::Value& value, Range limits, smtp::Mode& out);
Refusal read_value(const toml::Value& value, Range limits, smtp::TraceClient& out);
Refusal read_value(const toml::Value& value, Range limits, log::Level& out);
Refusal read_value(const toml::Value& value, Range limits, std::vector<IpNetwork>& out);
Refusal read_value(const toml::Value& value, Range limits, RouteTls& out);
Refusal read_value(const toml::Value& value, Range limits, OnFailure& out);
Refusal read_value(const toml::Value& value, Range limits, PolicyMode& out);
Refusal read_value(const toml::Value& value, Range limits, std::vector<std::string>& out);
Refusal read_value(const toml::Value& value, Range limits, NameServers& out);
Refusal read_value(const toml::Value& value, Range limits, std::optional<bool>& out);

toml::Value write_value(const std::string& value);
toml::Value write_value(bool value);
toml::Value write_value(std::uint32_t value);
toml::Value write_value(std::uint64_t value);
toml::Value write_value(std::chrono::seconds value);
toml::Value write_value(smtp::Role value);
toml::Value write_value(smtp::TlsMode value);
toml::Value write_value(smtp::BareLf value);
toml::Value write_value(smtp::Mode value);
toml::Value write_value(smtp::TraceClient value);
toml::Value write_value(log::Level value);
toml::Value write_value(const std::vector<IpNetwork>& value);
toml::Value write_value(RouteTls value);
toml::Value write_value(OnFailure value);
toml::Value write_value(PolicyMode value);
toml::Value write_value(const std::vector<std::string>& value);
toml::Value write_value(const NameServers& value);
toml::Value write_value(std::optional<bool> value);

// What a value of the type may be, in words: "a number from 100 to 100000".
std::string possible(const std::string&, Range limits);
std::string possible(bool, Range limits);
std::string possible(std::uint32_t, Range limits);
std::string possible(std::uint64_t, Range limits);
std::string possible(std::chrono::seconds, Range limits);
std::string possible(smtp::Role, Range limits);
std::string possible(smtp::TlsMode, Range limits);
std::string possible(smtp::BareLf, Range limits);
std::string possible(smtp::Mode, Range limits);
std::string possible(smtp::TraceClient, Range limits);
std::string possible(log::Level, Range limits);
std::string possible(const std::vector<IpNetwork>&, Range limits);
std::string possible(RouteTls, Range limits);
std::string possible(OnFailure, Range limits);
std::string possible(PolicyMode, Range limits);
std::string possible(const std::vector<std::string>&, Range limits);
std::string possible(const NameServers&, Range limits);
std::string possible(const std::optional<bool>&, Range limits);

// A row's default, which is text without quotes, as the file's value of the member's type.
toml::Value fallback_value(const std::string&, const char* fallback);
toml::Value fallback_value(bool, const char* fallback);
toml::Value fallback_value(std::uint32_t, const char* fallback);
// The only default of a list is the empty one.
template <typename T>
toml::Value fallback_value(const std::vector<T>&, const char* fallback) {
  MAIL_ASSERT(*fallback == '\0');
  return {toml::Array{}, {}};
}
toml::Value fallback_value(const NameServers&, const char* fallback);
template <typename QuotedInTheFile>
toml::Value fallback_value(const QuotedInTheFile&, const char* fallback) {
  return fallback_value(std::string(), fallback);
}

// One line: `value` as the file writes it.
std::string file_text(const toml::Value& value);

// "\"hold\" or \"discard\"", "a, b or c".
std::string listed(const std::vector<std::string_view>& words, bool quotes);

}  // namespace mail
