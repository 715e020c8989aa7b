#include "daemon/settings/values.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "daemon/settings/endpoint.h"

namespace mail {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t value;
};
constexpr auto kSizeUnits =
    std::to_array<Unit>({{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}});
constexpr auto kTimeUnits = std::to_array<Unit>({{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}});

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};
constexpr auto choices(smtp::Role) {
  return std::to_array<Choice<smtp::Role>>({{"mx", smtp::Role::mx},
                                            {"submission", smtp::Role::submission},
                                            {"relay", smtp::Role::relay}});
}
constexpr auto choices(smtp::TlsMode) {
  return std::to_array<Choice<smtp::TlsMode>>({{"none", smtp::TlsMode::none},
                                               {"starttls", smtp::TlsMode::starttls},
                                               {"implicit", smtp::TlsMode::implicit}});
}
constexpr auto choices(smtp::BareLf) {
  return std::to_array<Choice<smtp::BareLf>>(
      {{"reject", smtp::BareLf::reject}, {"normalize", smtp::BareLf::normalize}});
}
constexpr auto choices(smtp::Mode) {
  return std::to_array<Choice<smtp::Mode>>({{"store-and-forward", smtp::Mode::store_and_forward},
                                            {"end-to-end", smtp::Mode::end_to_end}});
}
constexpr auto choices(smtp::TraceClient) {
  return std::to_array<Choice<smtp::TraceClient>>(
      {{"masked", smtp::TraceClient::masked}, {"full", smtp::TraceClient::full}});
}
constexpr auto choices(log::Level) {
  return std::to_array<Choice<log::Level>>({{"debug", log::Level::debug},
                                            {"info", log::Level::info},
                                            {"warning", log::Level::warning},
                                            {"error", log::Level::error}});
}

constexpr auto choices(RouteTls) {
  return std::to_array<Choice<RouteTls>>({{"automatic", RouteTls::automatic},
                                          {"none", RouteTls::none},
                                          {"opportunistic", RouteTls::opportunistic},
                                          {"require", RouteTls::require},
                                          {"verify", RouteTls::verify}});
}
constexpr auto choices(OnFailure) {
  return std::to_array<Choice<OnFailure>>(
      {{"tempfail", OnFailure::tempfail}, {"accept", OnFailure::accept}});
}

constexpr auto choices(PolicyMode) {
  return std::to_array<Choice<PolicyMode>>({{"observe", PolicyMode::observe},
                                            {"junk", PolicyMode::junk},
                                            {"balanced", PolicyMode::balanced},
                                            {"enforce", PolicyMode::enforce}});
}

template <typename Enum>
std::vector<std::string_view> names_of(Enum value) {
  std::vector<std::string_view> names;
  for (const auto& choice : choices(value)) names.push_back(choice.name);
  return names;
}

Complaint wrong_type(std::string_view expected, const toml::Value& got, std::string remedy) {
  return {concat("must be ", expected, ", not ", toml::kind_of(got)), "", std::move(remedy)};
}

// The largest unit that divides, so that what is shown reads back exactly.
std::string with_unit(std::uint64_t value, std::span<const Unit> units) {
  const auto divides = [value](const Unit& unit) { return value != 0 && value % unit.value == 0; };
  for (std::size_t i = units.size(); i-- > 1;) {
    if (divides(units[i])) return concat(value / units[i].value, units[i].name);
  }
  return concat(value, units[0].name);
}

std::string unit_list(std::span<const Unit> units) {
  std::vector<std::string_view> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  return listed(names, false);
}

// "50MiB", "300s". Fails on overflow as on bad syntax: both are far outside any limits.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  if (!number || unit == units.end() || *number > UINT64_MAX / unit->value) return std::nullopt;
  return *number * unit->value;
}

// What was meant by "50MB", "50 mib", "5min": the number with the unit that begins alike.
std::string nearest_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view name = trim(text.substr(digits));
  for (const Unit& unit : units) {
    const bool alike = !name.empty() && ascii_lower(name[0]) == ascii_lower(unit.name[0]);
    const std::string meant = concat(text.substr(0, digits), unit.name);
    if (alike && parse_with_unit(meant, units)) return toml::quoted(meant);
  }
  return {};
}

Refusal read_with_unit(const toml::Value& value, Range limits, std::span<const Unit> units,
                       std::string_view noun, std::string_view usual, std::uint64_t& out) {
  const std::string remedy = concat("write a number and its unit, one of ", unit_list(units));
  if (const std::int64_t* number = value.integer()) {
    return Complaint{concat("is ", noun, " and needs a unit, ", *number, " has none"),
                     *number > 0 ? toml::quoted(concat(*number, usual)) : std::string(), remedy};
  }
  const std::string* text = value.string();
  if (text == nullptr) return wrong_type(concat("a string that is ", noun), value, remedy);
  const auto number = parse_with_unit(*text, units);
  if (!number) {
    return Complaint{concat(toml::quoted(*text), " is not ", noun), nearest_unit(*text, units),
                     remedy};
  }
  if (*number < limits.least || *number > limits.most) {
    return Complaint{
        concat("must be between ", toml::quoted(with_unit(limits.least, units)), " and ",
               toml::quoted(with_unit(limits.most, units)), ", not ", toml::quoted(*text)),
        "",
        *number == 0 ? "0 never means unlimited: write the limit that is wanted"
                     : "write a value between the two"};
  }
  out = *number;
  return std::nullopt;
}

template <typename Enum>
Refusal read_choice(const toml::Value& value, Enum& out) {
  const std::vector<std::string_view> names = names_of(out);
  const std::string remedy = concat("write ", listed(names, true));
  const std::string* text = value.string();
  if (text == nullptr) return wrong_type("a string", value, remedy);
  for (const auto& choice : choices(out)) {
    if (choice.name == *text) {
      out = choice.value;
      return std::nullopt;
    }
  }
  const std::string word = to_lower(*text);
  std::string_view meant = nearest(word, names);
  const auto longer =
      std::ranges::find_if(names, [&](std::string_view name) { return name.starts_with(word); });
  if (meant.empty() && !word.empty() && longer != names.end()) meant = *longer;
  return Complaint{concat("cannot be ", toml::quoted(*text)),
                   meant.empty() ? std::string() : toml::quoted(meant), remedy};
}

template <typename Enum>
toml::Value write_choice(Enum value) {
  const auto all = choices(value);
  const auto found = std::ranges::find(all, value, &Choice<Enum>::value);
  MAIL_ASSERT(found != all.end());
  return toml::Value{std::string(found->name), {}};
}

std::string network_text(const IpNetwork& network) {
  const bool v4 = network.address.is_v4() && network.prefix >= 96;
  return concat(network.address.to_string(), "/", v4 ? network.prefix - 96 : network.prefix);
}

// "127.0.0.1", "127.0.0.1:5353", "[::1]:5353", "::1".
std::optional<NameServer> name_server(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return NameServer{*address};
  const auto endpoint = parse_endpoint(text);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  return NameServer{endpoint->address, endpoint->port};
}

// The network an address with host bits set lies in: "192.0.2.7/24" -> "192.0.2.0/24".
std::string without_host_bits(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto bits = parse_number(text.substr(slash + 1));
  if (!address || !bits || *bits > (address->is_v4() ? 32u : 128u)) return {};
  IpNetwork network{*address, static_cast<std::uint8_t>(*bits + (address->is_v4() ? 96 : 0))};
  for (std::size_t bit = network.prefix; bit < 128; ++bit) {
    network.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  }
  return toml::quoted(network_text(network));
}

}  // namespace

std::string listed(const std::vector<std::string_view>& words, bool quotes) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) append(out, i + 1 == words.size() ? " or " : ", ");
    append(out, quotes ? toml::quoted(words[i]) : std::string(words[i]));
  }
  return out;
}

std::string file_text(const toml::Value& value) {
  std::string out;
  toml::append_value(out, value);
  return out;
}

Refusal read_value(const toml::Value& value, Range, std::string& out) {
  const std::string* text = value.string();
  if (text == nullptr) return wrong_type("a string", value, "write text in quotes");
  const bool printable = std::ranges::none_of(
      *text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!printable) return Complaint{"contains a control character", "", "remove it"};
  out = *text;
  return std::nullopt;
}

Refusal read_value(const toml::Value& value, Range, bool& out) {
  const bool* flag = value.boolean();
  if (flag != nullptr) {
    out = *flag;
    return std::nullopt;
  }
  const std::string word = value.string() != nullptr ? to_lower(*value.string()) : std::string();
  const bool yes = word == "true" || word == "yes" || word == "on";
  const bool no = word == "false" || word == "no" || word == "off";
  return Complaint{wrong_type("true or false", value, {}).what,
                   yes  ? "true"
                   : no ? "false"
                        : "",
                   "write true or false, without quotes"};
}

Refusal read_value(const toml::Value& value, Range limits, std::uint32_t& out) {
  const std::int64_t* number = value.integer();
  if (number == nullptr) {
    const std::string* text = value.string();
    const bool digits = text != nullptr && parse_number(*text).has_value();
    return Complaint{wrong_type("a number", value, {}).what, digits ? *text : std::string(),
                     "write the number without quotes"};
  }
  if (*number < 0 || static_cast<std::uint64_t>(*number) < limits.least ||
      static_cast<std::uint64_t>(*number) > limits.most) {
    return Complaint{
        concat("must be between ", limits.least, " and ", limits.most, ", not ", *number), "",
        *number == 0 ? "0 never means unlimited: write the limit that is wanted"
                     : "write a value between the two"};
  }
  out = static_cast<std::uint32_t>(*number);
  return std::nullopt;
}

Refusal read_value(const toml::Value& value, Range limits, std::uint64_t& out) {
  return read_with_unit(value, limits, kSizeUnits, "a size", "MiB", out);
}

Refusal read_value(const toml::Value& value, Range limits, std::chrono::seconds& out) {
  std::uint64_t number = 0;
  Refusal refusal = read_with_unit(value, limits, kTimeUnits, "a duration", "s", number);
  if (!refusal) out = std::chrono::seconds(number);
  return refusal;
}

Refusal read_value(const toml::Value& value, Range, smtp::Role& out) {
  return read_choice(value, out);
}
Refusal read_value(const toml::Value& value, Range, smtp::TlsMode& out) {
  return read_choice(value, out);
}
Refusal read_value(const toml::Value& value, Range, smtp::BareLf& out) {
  return read_choice(value, out);
}
Refusal read_value(const toml::Value& value, Range, smtp::Mode& out) {
  return read_choice(value, out);
}
Refusal read_value(const toml::Value& value, Range, smtp::TraceClient& out) {
  return read_choice(value, out);
}
Refusal read_value(const toml::Value& value, Range, log::Level& out) {
  return read_choice(value, out);
}

Refusal read_value(const toml::Value& value, Range, std::vector<IpNetwork>& out) {
  constexpr std::string_view kRemedy =
      "write networks as strings: [\"127.0.0.0/8\", \"2001:db8::/32\"]";
  const toml::Array* array = value.array();
  if (array == nullptr) {
    const std::string* text = value.string();
    return Complaint{wrong_type("an array", value, {}).what,
                     text != nullptr ? concat("[", toml::quoted(*text), "]") : std::string(),
                     std::string(kRemedy)};
  }
  std::vector<IpNetwork> networks;
  for (const toml::Value& item : *array) {
    const std::string* text = item.string();
    if (text == nullptr) {
      return Complaint{concat("holds ", toml::kind_of(item), " where a network must stand"), "",
                       std::string(kRemedy)};
    }
    const auto network = IpNetwork::parse(*text);
    if (!network) {
      std::string meant = without_host_bits(*text);
      std::string what = concat(
          toml::quoted(*text), meant.empty() ? " is not a network" : " has bits behind its prefix");
      return Complaint{std::move(what), std::move(meant), std::string(kRemedy)};
    }
    networks.push_back(*network);
  }
  out = std::move(networks);
  return std::nullopt;
}

Refusal read_value(const toml::Value& value, Range, RouteTls& out) {
  return read_choice(value, out);
}

Refusal read_value(const toml::Value& value, Range, OnFailure& out) {
  return read_choice(value, out);
}

Refusal read_value(const toml::Value& value, Range, PolicyMode& out) {
  return read_choice(value, out);
}

Refusal read_value(const toml::Value& value, Range limits, std::vector<std::string>& out) {
  const std::string remedy = "write strings in brackets: [\"one\", \"two\"]";
  const toml::Array* array = value.array();
  if (array == nullptr) return wrong_type("an array", value, remedy);
  std::vector<std::string> texts;
  for (const toml::Value& item : *array) {
    std::string text;
    if (item.string() == nullptr) {
      return Complaint{concat("holds ", toml::kind_of(item), " where a string must stand"), "",
                       remedy};
    }
    if (Refusal refusal = read_value(item, limits, text)) return refusal;
    texts.push_back(std::move(text));
  }
  out = std::move(texts);
  return std::nullopt;
}

Refusal read_value(const toml::Value& value, Range limits, NameServers& out) {
  const std::string remedy =
      "write [] to ask the root servers ourselves, [\"127.0.0.1:5353\"] for servers of your own, "
      "or "
      "\"system\" for those of /etc/resolv.conf";
  if (const std::string* text = value.string()) {
    if (*text == "system") {
      out = NameServers{.system = true, .addresses = {}};
      return std::nullopt;
    }
    return Complaint{concat("cannot be ", toml::quoted(*text)),
                     name_server(*text) ? concat("[", toml::quoted(*text), "]") : std::string(),
                     remedy};
  }
  if (value.array() == nullptr) return wrong_type("an array, or \"system\"", value, remedy);
  std::vector<std::string> texts;
  if (Refusal refusal = read_value(value, limits, texts)) return refusal;
  NameServers servers;
  for (const std::string& text : texts) {
    const std::optional<NameServer> server = name_server(text);
    if (!server) {
      return Complaint{concat(toml::quoted(text), " is not an IP address, with or without a port"),
                       "", remedy};
    }
    servers.addresses.push_back(*server);
  }
  out = std::move(servers);
  return std::nullopt;
}

Refusal read_value(const toml::Value& value, Range limits, std::optional<bool>& out) {
  if (const std::string* text = value.string(); text != nullptr && *text == "automatic") {
    out.reset();
    return std::nullopt;
  }
  bool flag = false;
  Refusal refusal = read_value(value, limits, flag);
  if (!refusal) out = flag;
  return refusal;
}

toml::Value write_value(const std::string& value) { return {value, {}}; }
toml::Value write_value(bool value) { return {value, {}}; }
toml::Value write_value(std::uint32_t value) { return {std::int64_t{value}, {}}; }
toml::Value write_value(std::uint64_t value) { return {with_unit(value, kSizeUnits), {}}; }
toml::Value write_value(std::chrono::seconds value) {
  return {with_unit(static_cast<std::uint64_t>(value.count()), kTimeUnits), {}};
}
toml::Value write_value(smtp::Role value) { return write_choice(value); }
toml::Value write_value(smtp::TlsMode value) { return write_choice(value); }
toml::Value write_value(smtp::BareLf value) { return write_choice(value); }
toml::Value write_value(smtp::Mode value) { return write_choice(value); }
toml::Value write_value(smtp::TraceClient value) { return write_choice(value); }
toml::Value write_value(log::Level value) { return write_choice(value); }
toml::Value write_value(const std::vector<IpNetwork>& value) {
  toml::Array array;
  for (const IpNetwork& network : value) array.push_back(write_value(network_text(network)));
  return {std::move(array), {}};
}

toml::Value write_value(RouteTls value) { return write_choice(value); }
toml::Value write_value(OnFailure value) { return write_choice(value); }
toml::Value write_value(PolicyMode value) { return write_choice(value); }
toml::Value write_value(const std::vector<std::string>& value) {
  toml::Array array;
  for (const std::string& text : value) array.push_back(write_value(text));
  return {std::move(array), {}};
}
toml::Value write_value(const NameServers& value) {
  if (value.system) return {std::string("system"), {}};
  toml::Array array;
  for (const NameServer& server : value.addresses) {
    array.push_back(write_value(Endpoint{server.address, server.port}.text()));
  }
  return {std::move(array), {}};
}
toml::Value write_value(std::optional<bool> value) {
  return value ? write_value(*value) : toml::Value{std::string("automatic"), {}};
}

std::string possible(const std::string&, Range) { return "a string"; }
std::string possible(bool, Range) { return "true or false"; }
std::string possible(std::uint32_t, Range limits) {
  return concat("a number from ", limits.least, " to ", limits.most);
}
std::string possible(std::uint64_t, Range limits) {
  return concat("a size from \"", with_unit(limits.least, kSizeUnits), "\" to \"",
                with_unit(limits.most, kSizeUnits), "\"");
}
std::string possible(std::chrono::seconds, Range limits) {
  return concat("a duration from \"", with_unit(limits.least, kTimeUnits), "\" to \"",
                with_unit(limits.most, kTimeUnits), "\"");
}
std::string possible(smtp::Role value, Range) { return listed(names_of(value), true); }
std::string possible(smtp::TlsMode value, Range) { return listed(names_of(value), true); }
std::string possible(smtp::BareLf value, Range) { return listed(names_of(value), true); }
std::string possible(smtp::Mode value, Range) { return listed(names_of(value), true); }
std::string possible(smtp::TraceClient value, Range) { return listed(names_of(value), true); }
std::string possible(log::Level value, Range) { return listed(names_of(value), true); }
std::string possible(const std::vector<IpNetwork>&, Range) { return "an array of networks"; }
std::string possible(RouteTls value, Range) { return listed(names_of(value), true); }
std::string possible(OnFailure value, Range) { return listed(names_of(value), true); }
std::string possible(PolicyMode value, Range) { return listed(names_of(value), true); }
std::string possible(const std::vector<std::string>&, Range) { return "an array of strings"; }
std::string possible(const NameServers&, Range) {
  return "an array of IP addresses with or without port, or \"system\"";
}
std::string possible(const std::optional<bool>&, Range) { return "true, false or \"automatic\""; }

toml::Value fallback_value(const std::string&, const char* fallback) {
  return {std::string(fallback), {}};
}
toml::Value fallback_value(bool, const char* fallback) {
  return {std::string_view(fallback) == "true", {}};
}
toml::Value fallback_value(std::uint32_t, const char* fallback) {
  const auto number = parse_number(fallback);
  MAIL_ASSERT(number.has_value());
  return {static_cast<std::int64_t>(*number), {}};
}
toml::Value fallback_value(const NameServers&, const char* fallback) {
  return fallback_value(std::vector<std::string>(), fallback);
}

}  // namespace mail
