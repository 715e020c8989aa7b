#include "codec/mailauth/authentication_results.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/address/address.h"
#include "codec/address/utf8.h"
#include "codec/message/header_block.h"

namespace mail::authres {
namespace {

constexpr std::size_t kLine = 78;       // RFC 5322 §2.1.1
constexpr std::size_t kMaxValue = 320;  // a local part of 64, '@', a domain of 255

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_keyword(char c) { return is_alnum(c) || c == '-' || c == '_'; }
bool is_high(char c) { return static_cast<unsigned char>(c) > 0x7F; }
// RFC 2045 §5.1, and UTF-8 (RFC 6532).
bool is_token(char c) {
  constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";
  return is_high(c) || (c > ' ' && c <= '~' && kSpecials.find(c) == std::string_view::npos);
}
// RFC 5322 §3.2.3, and the dot.
bool is_atom(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-/=?^_`{|}~.";
  return is_high(c) || is_alnum(c) || kOthers.find(c) != std::string_view::npos;
}

// Octets of the quoted string that `text` begins with, or 0 where it does not end.
std::size_t quoted_length(std::string_view text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return 0;
}

// Printable, and cut between characters.
std::string cleaned(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool plain = text[0] >= ' ' && text[0] <= '~';
    const std::size_t character = plain ? 1 : utf8_character(text);
    if (out.size() + std::max<std::size_t>(character, 1) > kMaxValue) break;
    if (character == 0) {
      out.push_back('?');
    } else {
      out.append(text.substr(0, character));
    }
    text.remove_prefix(std::max<std::size_t>(character, 1));
  }
  return out;
}

// domain-name of RFC 6376 §3.5.
bool is_domain_name(std::string_view text) {
  const auto labels = split(text, '.');
  return labels.size() > 1 && std::ranges::all_of(labels, [](std::string_view label) {
           return !label.empty() && is_alnum(label.front()) && is_alnum(label.back()) &&
                  std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
         });
}

// [ [ local-part ] "@" ] domain-name, which RFC 8601 §2.2 wants unquoted.
bool is_address(std::string_view text) {
  std::size_t at = 0;
  if (text.starts_with('"')) {
    at = quoted_length(text);
    if (at == 0) return false;
  } else {
    while (at < text.size() && is_atom(text[at])) ++at;
  }
  return at < text.size() && text[at] == '@' && is_domain_name(text.substr(at + 1));
}

std::string written_value(std::string_view text, bool may_be_address) {
  const std::string clean = cleaned(text);
  if (!clean.empty() && std::ranges::all_of(clean, is_token)) return clean;
  if (may_be_address && is_address(clean)) return clean;
  std::string out = "\"";
  for (const char c : clean) append(out, c == '"' || c == '\\' ? "\\" : "", c);
  out.push_back('"');
  return out;
}

std::string written_keyword(std::string_view text) {
  std::string out(text.substr(0, kMaxValue));
  std::ranges::replace_if(out, [](char c) { return !is_keyword(c); }, '-');
  return out.empty() ? "-" : out;
}

// Puts words into lines.
class Folder {
 public:
  explicit Folder(std::string& out) : out_(out), line_(out.size()) {}
  void add(std::string_view word) {
    if (out_.size() - line_ + 1 + word.size() > kLine) {
      new_line();
    } else {
      out_.push_back(' ');
    }
    out_.append(word);
  }
  void new_line() {
    out_.append("\r\n\t");
    line_ = out_.size() - 1;
  }
  void add_first(std::string_view word) { out_.append(word); }

 private:
  std::string& out_;
  std::size_t line_;
};

// Reads a field's value from the left.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // CFWS (RFC 5322 §3.2.2). False on a comment without end.
  bool skip() {
    std::size_t depth = 0;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      const char c = rest_[0];
      if (c == '(') {
        ++depth;
      } else if (depth == 0) {
        if (!is_blank(c)) return true;
      } else if (c == ')') {
        --depth;
      } else if (c == '\\' && rest_.size() > 1) {
        rest_.remove_prefix(1);
      }
    }
    return depth == 0;
  }
  template <typename Good>
  std::string_view run(const Good& good) {
    const auto end = std::ranges::find_if_not(rest_, good);
    const std::string_view word = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(word.size());
    return word;
  }
  std::string keyword() { return to_lower(run(is_keyword)); }
  // The content of the quoted string here; nothing where it has no end.
  std::optional<std::string> quoted() {
    const std::size_t length = quoted_length(rest_);
    if (length == 0) return std::nullopt;
    std::string out;
    for (std::size_t at = 1; at + 1 < length; ++at) {
      if (rest_[at] == '\\') ++at;
      out.push_back(rest_[at]);
    }
    rest_.remove_prefix(length);
    return out;
  }
  std::optional<std::string> value() {
    const auto plain = [](char c) {
      return !is_blank(c) && std::string_view(";\"()").find(c) == std::string_view::npos;
    };
    if (!rest_.starts_with('"')) return std::string(run(plain));
    const std::string_view from = rest_;
    auto content = quoted();
    if (!content || !rest_.starts_with('@')) return content;
    run(plain);
    return std::string(from.substr(0, from.size() - rest_.size()));
  }
  // A token or a quoted string that is not empty.
  std::optional<std::string> authserv_id() {
    auto id = rest_.starts_with('"') ? quoted() : std::string(run(is_token));
    return id && !id->empty() ? id : std::nullopt;
  }

 private:
  std::string_view rest_;
};

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, concat(kFieldName, ": ", why));
}

// Up to the first ';' or the end.
Result<std::string> parse_head(Reader& reader) {
  if (!reader.skip()) return bad("a comment without end");
  auto id = reader.authserv_id();
  if (!id) return bad("no authserv-id");
  if (!reader.skip()) return bad("a comment without end");
  const std::string_view version = reader.run(is_digit);
  if (!version.empty() && parse_number(version) != kVersion) return bad("an unknown version");
  if (!reader.skip() || (!reader.at_end() && !reader.take(';'))) {
    return bad("something behind the authserv-id");
  }
  return std::move(*id);
}

// One reason or property; the reader stands before it.
Result<void> parse_property(Reader& reader, MethodResult& result, bool& has_reason) {
  Property property;
  property.name = reader.keyword();
  if (property.name.empty() || !reader.skip()) return bad("no property where there should be one");
  if (reader.take('.')) {
    property.type = std::move(property.name);
    if (!reader.skip()) return bad("a comment without end");
    property.name = reader.keyword();
    if (property.name.empty() || !reader.skip()) return bad("a property without a name");
  }
  if (!reader.take('=') || !reader.skip()) return bad("a property without a value");
  auto value = reader.value();
  if (!value) return bad("a quoted string without end");
  if (!property.type.empty() || property.name != "reason") {
    property.value = std::move(*value);
    result.properties.push_back(std::move(property));
    return {};
  }
  if (std::exchange(has_reason, true)) return bad("two reasons");
  result.reason = std::move(*value);
  return {};
}

// What stands behind the method up to the next ';', which is taken too.
Result<MethodResult> parse_result(Reader& reader, std::string method) {
  MethodResult result;
  result.method = std::move(method);
  if (reader.take('/')) {  // method-version
    if (!reader.skip() || reader.run(is_digit).empty() || !reader.skip()) {
      return bad("a method without its version");
    }
  }
  if (!reader.take('=') || !reader.skip()) return bad("a method without a result");
  result.result = reader.keyword();
  if (result.result.empty()) return bad("a method without a result");
  for (bool has_reason = false;;) {
    if (!reader.skip()) return bad("a comment without end");
    if (reader.at_end() || reader.take(';')) return result;
    MAIL_TRY(parse_property(reader, result, has_reason));
  }
}

// The one spelling of an authserv-id that can be compared.
std::string normal_id(std::string_view id, const Idn* idn) {
  const auto domain = Domain::parse(id, idn);
  return domain ? domain->text() : to_lower(id);
}

bool is_forged(const message::HeaderField& field, std::string_view ours, const Idn* idn) {
  if (!iequals(field.name, kFieldName)) return false;
  const std::string flat = message::unfold(field.value);
  Reader reader(flat);
  const auto id = parse_head(reader);
  return !id || normal_id(*id, idn) == ours;
}

}  // namespace

void append_authentication_results(std::string& out, const AuthenticationResults& results) {
  Folder folder(out);
  append(out, kFieldName, ':');
  folder.add(concat(written_value(results.authserv_id, false), ';'));
  if (results.results.empty()) folder.add("none");
  for (std::size_t i = 0; i < results.results.size(); ++i) {
    const MethodResult& result = results.results[i];
    folder.new_line();
    folder.add_first(concat(written_keyword(result.method), '=', written_keyword(result.result)));
    if (!result.reason.empty()) {
      folder.add(concat("reason=", written_value(result.reason, false)));
    }
    for (const Property& property : result.properties) {
      std::string word;
      if (!property.type.empty()) append(word, written_keyword(property.type), '.');
      append(word, written_keyword(property.name), '=', written_value(property.value, true));
      folder.add(word);
    }
    if (i + 1 < results.results.size()) out.push_back(';');
  }
  out.append("\r\n");
}

Result<AuthenticationResults> parse_authentication_results(std::string_view value) {
  const std::string flat = message::unfold(value);
  Reader reader(flat);
  AuthenticationResults results;
  MAIL_TRY(results.authserv_id, parse_head(reader));
  for (bool first = true;; first = false) {
    if (!reader.skip()) return bad("a comment without end");
    if (reader.at_end()) {
      if (first) return bad("no result");
      return results;  // a ';' at the end, as some write it
    }
    std::string method = reader.keyword();
    if (method.empty() || !reader.skip()) return bad("no method where there should be one");
    if (first && method == "none" && reader.at_end()) return results;
    MAIL_TRY(MethodResult result, parse_result(reader, std::move(method)));
    results.results.push_back(std::move(result));
  }
}

std::size_t remove_forged_results(std::string& content, std::size_t begin,
                                  std::string_view authserv_id, const Idn* idn) {
  if (begin >= content.size()) return 0;
  const std::string ours = normal_id(authserv_id, idn);
  message::HeaderScanner scanner(std::string_view(content).substr(begin));
  message::HeaderField field;
  // Fields that stay move up over those that go; the scanner is always ahead of what is written.
  char* to = content.data() + begin;
  std::size_t removed = 0;
  while (scanner.next(&field)) {
    if (is_forged(field, ours, idn)) {
      removed += field.whole.size();
      continue;
    }
    if (removed > 0) std::copy(field.whole.begin(), field.whole.end(), to);
    to += field.whole.size();
  }
  content.erase(static_cast<std::size_t>(to - content.data()), removed);
  return removed;
}

}  // namespace mail::authres
