#include "service/neighbours/rspamd_answer.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "platform/json/json.h"

namespace mail {
namespace {

using Action = RspamdAnswer::Action;

constexpr std::size_t kMaxMessage = 400;
constexpr std::size_t kMaxChanges = 1000;
constexpr double kLimit = 10;  // [policy] reject_score, as it comes

constexpr auto kActions = std::to_array<std::pair<std::string_view, Action>>({
    {"no action", Action::none},
    {"greylist", Action::none},
    {"add header", Action::add_header},
    {"rewrite subject", Action::rewrite_subject},
    {"soft reject", Action::soft_reject},
    {"reject", Action::reject},
    {"quarantine", Action::quarantine},
    {"discard", Action::discard},
});

// Nothing: an action of somebody's own, which must not go unnoticed.
Result<Action> action_of(std::string_view word) {
  for (const auto& [name, action] : kActions) {
    if (name == word) return action;
  }
  return fail(Errc::bad_syntax, concat("an unknown action, \"", word.substr(0, 40), "\""));
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxMessage)) out.push_back(c >= 0x20 && c <= 0x7E ? c : ' ');
  return std::string(trim(out));
}

double number_of(const json::Value* value) {
  if (value == nullptr) return 0;
  if (const std::int64_t* whole = value->integer()) return static_cast<double>(*whole);
  const double* real = value->real();
  return real != nullptr && std::isfinite(*real) ? *real : 0;
}

// {"X-Spam": "Yes"}, {"X-Spam": {"value": "Yes", "order": 1}}, or an array of such values.
void read_added(std::string_view name, const json::Value& value, std::vector<HeaderChange>& out) {
  if (out.size() >= kMaxChanges) return;
  if (const json::Array* several = value.array()) {
    for (const json::Value& each : *several) {
      if (each.array() == nullptr) read_added(name, each, out);
    }
    return;
  }
  HeaderChange change{HeaderChange::Kind::append, 0, std::string(name)};
  if (const std::string* text = value.text()) {
    change.value = concat(' ', *text);
  } else if (value.object() != nullptr) {
    change.value = concat(' ', value.text_or("value", ""));
    const json::Value* order = value.find("order");
    if (order != nullptr && order->integer() != nullptr && *order->integer() >= 0) {
      change.kind = HeaderChange::Kind::insert;
      change.index = static_cast<std::uint32_t>(*order->integer());
    }
  } else {
    return;
  }
  out.push_back(std::move(change));
}

// {"X-Spam": 0}: all of them; 1: the first.
void read_removed(std::string_view name, const json::Value& value, std::vector<HeaderChange>& out) {
  const std::int64_t* number = value.integer();
  if (number == nullptr || *number < 0 || out.size() >= kMaxChanges) return;
  out.push_back(
      {HeaderChange::Kind::remove, static_cast<std::uint32_t>(*number), std::string(name)});
}

template <typename Read>
void each_member(const json::Value& value, std::string_view name, const Read& read) {
  const json::Value* found = value.find(name);
  if (found == nullptr || found->object() == nullptr) return;
  for (const json::Member& member : *found->object()) read(member.name, member.value);
}

}  // namespace

Result<RspamdAnswer> parse_rspamd_answer(std::string_view text) {
  MAIL_TRY(const json::Value root, json::parse(text));
  const std::string_view error = root.text_or("error", "");
  if (!error.empty()) return fail(Errc::unavailable, concat("rspamd says: ", printable(error)));
  RspamdAnswer answer;
  answer.word = printable(root.text_or("action", ""));
  MAIL_TRY(answer.action, action_of(answer.word));
  const double limit = number_of(root.find("required_score"));
  if (limit > 0) answer.score = number_of(root.find("score")) / limit * kLimit;
  answer.subject = root.text_or("subject", "");
  if (const json::Value* messages = root.find("messages")) {
    answer.message = printable(messages->text_or("smtp_message", ""));
  }
  const json::Value* milter = root.find("milter");
  if (milter == nullptr) return answer;
  each_member(*milter, "remove_headers", [&](std::string_view name, const json::Value& value) {
    read_removed(name, value, answer.changes);
  });
  each_member(*milter, "add_headers", [&](std::string_view name, const json::Value& value) {
    read_added(name, value, answer.changes);
  });
  // How its modules ask for it beside the action.
  const std::string_view instead = milter->text_or("reject", "");
  if (instead == "quarantine") answer.action = Action::quarantine;
  if (instead == "discard") answer.action = Action::discard;
  return answer;
}

}  // namespace mail
