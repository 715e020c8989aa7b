#include "codec/mailauth/header_hash.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail::dkim {
namespace {

bool is_fws(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Any order will do that puts equal names side by side: most differ in length.
int compare(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char x = ascii_lower(a[i]);
    const char y = ascii_lower(b[i]);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

}  // namespace

// RFC 6376 §3.4.2.
void append_relaxed(std::string& out, std::string_view name, std::string_view value) {
  for (const char c : name) out.push_back(ascii_lower(c));
  out.push_back(':');
  bool blank = false;
  bool started = false;
  for (std::size_t at = 0; at < value.size();) {
    if (value[at] == ' ' || value[at] == '\t') {
      blank = true;
      ++at;
      continue;
    }
    if (value[at] == '\r' && at + 1 < value.size() && value[at + 1] == '\n') {  // a fold
      at += 2;
      continue;
    }
    std::size_t end = at + 1;
    while (end < value.size() && !is_fws(value[end])) ++end;
    if (blank && started) out.push_back(' ');
    out.append(value.substr(at, end - at));
    blank = false;
    started = true;
    at = end;
  }
}

std::string without_signature(std::string_view whole, std::string_view b) {
  const auto begin = static_cast<std::size_t>(b.data() - whole.data());
  std::string text;
  text.reserve(whole.size() - b.size());
  append(text, whole.substr(0, begin), whole.substr(begin + b.size()));
  if (text.ends_with("\r\n")) text.resize(text.size() - 2);
  return text;
}

Header::Header(std::string_view block) {
  message::HeaderScanner scanner(block);
  for (message::HeaderField field; scanner.next(&field);) {
    while (!field.name.empty() && is_fws(field.name.back())) field.name.remove_suffix(1);
    fields_.push_back({field.name, field.value, field.whole});
  }
  relaxed_.resize(fields_.size());
  by_name_.resize(fields_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::uint32_t{0});
  std::ranges::sort(by_name_, [&](std::uint32_t a, std::uint32_t b) {
    const int order = compare(fields_[a].name, fields_[b].name);
    return order < 0 || (order == 0 && a < b);
  });
  for (std::size_t i = 0; i < by_name_.size(); ++i) {
    const std::string_view name = fields_[by_name_[i]].name;
    const bool another = i == 0 || compare(fields_[by_name_[i - 1]].name, name) != 0;
    if (another) groups_.push_back({i, i});
    groups_.back().end = i + 1;
  }
}

const Header::Group* Header::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      groups_, name, [](auto a, auto b) { return compare(a, b) < 0; },
      [&](const Group& group) { return fields_[by_name_[group.begin]].name; });
  if (found == groups_.end() || compare(fields_[by_name_[found->begin]].name, name) != 0) {
    return nullptr;
  }
  return &*found;
}
Header::Group* Header::find(std::string_view name) {
  return const_cast<Group*>(std::as_const(*this).find(name));
}

std::size_t Header::count(std::string_view name) const {
  const Group* const group = find(name);
  return group == nullptr ? 0 : group->end - group->begin;
}

void Header::feed(crypto::Digest& digest, const std::vector<std::string_view>& names, Form form,
                  std::size_t self) {
  for (Group& group : groups_) group.left = group.end;
  for (const std::string_view name : names) {
    Group* const group = find(name);
    if (group == nullptr) continue;
    if (group->left > group->begin && by_name_[group->left - 1] == self) --group->left;
    if (group->left == group->begin) continue;  // signed as absent
    feed(digest, by_name_[--group->left], form);
  }
}

void Header::feed(crypto::Digest& digest, std::size_t field, Form form) {
  const Field& it = fields_[field];
  if (form == Form::simple) {
    digest.update(it.whole);
    if (!it.whole.ends_with("\r\n")) digest.update("\r\n");
    return;
  }
  std::string& text = relaxed_[field];
  if (text.empty()) {
    text.reserve(it.name.size() + it.value.size() + 3);
    append_relaxed(text, it.name, it.value);
    text.append("\r\n");
  }
  digest.update(text);
}

}  // namespace mail::dkim
