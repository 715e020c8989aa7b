#include "daemon/ctl/protocol.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "platform/json/json.h"

namespace mail::ctl {

bool Request::has(std::string_view name) const {
  return std::ranges::any_of(values, [&](const auto& entry) { return entry.first == name; });
}

std::vector<std::string> Request::texts(std::string_view name) const {
  for (const auto& [key, found] : values) {
    if (key == name) return found;
  }
  return {};
}

std::string Request::text(std::string_view name) const {
  const std::vector<std::string> all = texts(name);
  return all.empty() ? std::string() : all.front();
}

std::string to_line(const Request& request) {
  json::Object values;
  for (const auto& [name, found] : request.values) {
    values.push_back({name, json::Array(found.begin(), found.end())});
  }
  json::Object object{{"noun", request.noun},
                      {"verb", request.verb},
                      {"values", std::move(values)},
                      {"json", request.json}};
  if (!request.secret.empty()) object.push_back({"secret", base64_encode(request.secret)});
  return json::to_string(json::Value(std::move(object))) + '\n';
}

namespace {

Result<std::vector<std::string>> parse_texts(const json::Value& value) {
  const json::Array* array = value.array();
  if (array == nullptr) return fail(Errc::bad_syntax, "request: a value that is no array");
  std::vector<std::string> texts;
  for (const json::Value& item : *array) {
    if (item.text() == nullptr) return fail(Errc::bad_syntax, "request: a value that is no string");
    texts.push_back(*item.text());
  }
  return texts;
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
  if (line.size() > kMaxRequestLine) return fail(Errc::too_large, "request line too long");
  MAIL_TRY(const json::Value value, json::parse(line));
  Request request;
  request.noun = value.text_or("noun", "");
  request.verb = value.text_or("verb", "");
  request.json = value.is_true("json");
  if (request.noun.empty()) return fail(Errc::bad_syntax, "request without a noun");
  MAIL_TRY(request.secret, base64_decode(value.text_or("secret", "")));
  const json::Value* values = value.find("values");
  if (values == nullptr) return request;
  if (values->object() == nullptr) return fail(Errc::bad_syntax, "request: values is no object");
  for (const json::Member& member : *values->object()) {
    MAIL_TRY(std::vector<std::string> texts, parse_texts(member.value));
    request.values.emplace_back(member.name, std::move(texts));
  }
  return request;
}

std::string to_line(const Header& header) {
  json::Object object{{"ok", header.exit == Exit::ok}, {"more", header.more}};
  if (header.more) {
    object.push_back({"bytes", header.bytes});
  } else {
    object.push_back({"exit", static_cast<int>(header.exit)});
  }
  if (!header.error.empty()) object.push_back({"error", header.error});
  return json::to_string(json::Value(std::move(object))) + '\n';
}

Result<Header> parse_header(std::string_view line) {
  MAIL_TRY(const json::Value value, json::parse(line));
  const auto number = [&](std::string_view name, std::int64_t most) -> Result<std::int64_t> {
    const json::Value* member = value.find(name);
    if (member == nullptr) return 0;
    const std::int64_t* found = member->integer();
    if (found == nullptr || *found < 0 || *found > most) {
      return fail(Errc::bad_syntax, concat("answer: bad ", name));
    }
    return *found;
  };
  Header header;
  header.more = value.is_true("more");
  MAIL_TRY(const std::int64_t bytes, number("bytes", static_cast<std::int64_t>(kMaxFrame)));
  MAIL_TRY(const std::int64_t exit, number("exit", 255));
  header.bytes = static_cast<std::size_t>(bytes);
  header.exit = static_cast<Exit>(exit);
  header.error = value.text_or("error", "");
  if (!header.more && value.find("exit") == nullptr) {
    return fail(Errc::bad_syntax, "answer without an exit code");
  }
  return header;
}

}  // namespace mail::ctl
