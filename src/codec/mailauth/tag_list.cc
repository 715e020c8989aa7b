#include "codec/mailauth/tag_list.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"

namespace mail::mailauth {
namespace {

bool is_fws(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// tag-name: ALPHA *ALNUMPUNC (RFC 6376 §3.2).
bool is_tag_name(std::string_view name) {
  return !name.empty() && is_alpha(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_tag_value(std::string_view value) {
  return std::ranges::none_of(value, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < ' ' && !is_fws(c)) || octet == 0x7f;
  });
}

}  // namespace

std::string_view trim_fws(std::string_view text) {
  while (!text.empty() && is_fws(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_fws(text.back())) text.remove_suffix(1);
  return text;
}

Result<TagList> TagList::parse(std::string_view text) {
  TagList list;
  for (std::string_view rest = text; !trim_fws(rest).empty();) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view spec = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = spec.find('=');
    const std::string_view name = trim_fws(spec.substr(0, equals));
    if (equals == std::string_view::npos || !is_tag_name(name)) {
      return fail(Errc::bad_syntax, "something between semicolons is no tag");
    }
    const std::string_view raw = spec.substr(equals + 1);
    const std::string_view value = trim_fws(raw);
    if (!is_tag_value(value)) {
      return fail(Errc::bad_syntax, concat(name.substr(0, 16), "= has a control character"));
    }
    // "Tags with duplicate names MUST NOT occur ... if [one] does, the entire tag-list is invalid"
    if (list.find(name) != nullptr) {
      return fail(Errc::bad_syntax, concat(name.substr(0, 16), "= is there twice"));
    }
    if (list.tags_.size() == kMaxTags) return fail(Errc::bad_syntax, "too many tags");
    list.tags_.push_back({name, value, raw});
  }
  return list;
}

const Tag* TagList::find(std::string_view name) const {
  const auto found = std::ranges::find(tags_, name, &Tag::name);
  return found == tags_.end() ? nullptr : &*found;
}

std::string_view TagList::value(std::string_view name, std::string_view otherwise) const {
  const Tag* const tag = find(name);
  return tag == nullptr ? otherwise : tag->value;
}

std::string without_fws(std::string_view text) {
  std::string out(text);
  std::erase_if(out, is_fws);
  return out;
}

Result<std::string> decode_base64_tag(std::string_view value) {
  return base64_decode(without_fws(value));
}

std::vector<std::string_view> split_colons(std::string_view value) {
  std::vector<std::string_view> members = split(value, ':');
  for (std::string_view& member : members) member = trim_fws(member);
  return members;
}

}  // namespace mail::mailauth
