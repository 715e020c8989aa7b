#include "codec/mailauth/arc_chain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/arc.h"

namespace mail::arc {
namespace {

using mailauth::TagList;

enum Part : std::size_t { results, message_signature, seal };
constexpr std::size_t kParts = 3;
constexpr std::array<std::string_view, kParts> kNames = {"ARC-Authentication-Results",
                                                         "ARC-Message-Signature", "ARC-Seal"};

std::optional<std::uint32_t> read_instance(std::string_view value) {
  const auto number = parse_number(value);
  if (!number || *number < 1 || *number > kMaxSets) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "i=n" in front of the first semicolon (RFC 8617 §4.1.1).
std::optional<std::uint32_t> instance_of_results(std::string_view value, SetFields& set) {
  const std::size_t end = value.find(';');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view tag = value.substr(0, end);
  const std::size_t equals = tag.find('=');
  if (mailauth::trim_fws(tag.substr(0, equals)) != "i" || equals == std::string_view::npos) {
    return std::nullopt;
  }
  set.results_text = mailauth::trim_fws(value.substr(end + 1));
  return read_instance(mailauth::trim_fws(tag.substr(equals + 1)));
}

struct Slot {
  SetFields set;
  std::array<std::size_t, kParts> found{};  // how many of each
};

// Puts a field into the slot of its instance; false: it says none, or is no tag list.
bool place(const dkim::Header& header, std::size_t field, Part part, std::vector<Slot>& slots) {
  SetFields read;
  TagList tags;
  std::optional<std::uint32_t> instance;
  if (part == results) {
    instance = instance_of_results(header.fields()[field].value, read);
  } else if (auto parsed = TagList::parse(header.fields()[field].value)) {
    tags = std::move(*parsed);
    instance = read_instance(tags.value("i"));
  }
  if (!instance) return false;
  if (slots.size() < *instance) slots.resize(*instance);
  Slot& slot = slots[*instance - 1];
  ++slot.found[part];
  switch (part) {
    case results:
      slot.set.results = field;
      slot.set.results_text = read.results_text;
      break;
    case message_signature:
      slot.set.message_signature = field;
      slot.set.message_signature_tags = std::move(tags);
      break;
    case seal:
      slot.set.seal = field;
      slot.set.seal_tags = std::move(tags);
      break;
  }
  return true;
}

// RFC 8617 §5.2 step 3.
std::string find_fault(const std::vector<Slot>& slots) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (std::size_t part = 0; part < kParts; ++part) {
      if (slots[i].found[part] == 1) continue;
      return concat("set ", i + 1, " has ", slots[i].found[part], " fields ", kNames[part]);
    }
    const std::string_view status = slots[i].set.seal_tags.value("cv");
    const std::string_view wanted = i == 0 ? "none" : "pass";
    if (status != wanted) return concat("the seal of set ", i + 1, " does not say cv=", wanted);
  }
  return "";
}

}  // namespace

Chain read_chain(const dkim::Header& header) {
  Chain chain;
  std::vector<Slot> slots;
  for (std::size_t field = 0; field < header.fields().size(); ++field) {
    const std::string_view name = header.fields()[field].name;
    if (!istarts_with(name, "ARC-")) continue;
    const auto kind =
        std::ranges::find_if(kNames, [&](auto known) { return iequals(known, name); });
    if (kind == kNames.end()) continue;
    const auto part = static_cast<Part>(kind - kNames.begin());
    if (!place(header, field, part, slots) && chain.broken.empty()) {
      chain.broken = concat("a field ", *kind, " has no good instance, or is no tag list");
    }
  }
  chain.highest = static_cast<std::uint32_t>(slots.size());
  chain.sealed_as_failed = !slots.empty() && slots.back().set.seal_tags.value("cv") == "fail";
  if (chain.broken.empty()) chain.broken = find_fault(slots);
  if (chain.broken.empty()) {
    for (Slot& slot : slots) chain.sets.push_back(std::move(slot.set));
  }
  return chain;
}

}  // namespace mail::arc
