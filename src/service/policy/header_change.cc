#include "service/policy/header_change.h"

#include <algorithm>
#include <deque>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail {
namespace {

bool is_name(std::string_view name) {  // RFC 5322 §2.2
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7F && c != ':'; });
}

// A whole field. Folds of any line end become CRLF and begin with white space; empty lines among
// them go (RFC 5322 §3.2.2), so that none is taken for the end of the block.
Result<std::string> field_of(std::string_view name, std::string_view value) {
  if (!is_name(name)) return fail(Errc::bad_syntax, "a field with a bad name");
  std::string field = concat(name, ':');
  std::string_view rest = value;
  for (bool first = true; first || !rest.empty(); first = false) {
    const std::string_view line = rest.substr(0, rest.find_first_of("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const bool controls = std::ranges::any_of(line, [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
    if (controls) return fail(Errc::bad_syntax, concat("control characters in field ", name));
    if (first) {
      field.append(line);
    } else if (!trim(line).empty()) {
      append(field, "\r\n", line.front() == ' ' || line.front() == '\t' ? "" : "\t", line);
    }
  }
  return field.append("\r\n");
}

// A header block taken apart, changed, and put together again.
class Editor {
 public:
  Editor(std::string_view block, std::string_view seen) {
    std::unordered_map<std::string_view, std::deque<std::size_t>> seen_at;
    message::HeaderScanner scanner(seen);
    message::HeaderField field;
    while (scanner.next(&field)) {
      seen_at[field.whole].push_back(seen_.size());
      seen_.push_back({to_lower(field.name), nullptr});
    }
    message::HeaderScanner here(block);
    std::size_t size = 0;
    while (here.next(&field)) {
      size += field.whole.size();
      fields_.push_back({to_lower(field.name), std::string(field.whole), false});
      const auto found = seen_at.find(field.whole);
      if (found == seen_at.end() || found->second.empty()) continue;
      fields_.back().seen = true;
      seen_[found->second.front()].field = &fields_.back();
      found->second.pop_front();
    }
    end_ = block.substr(size);
  }

  Result<void> apply(const HeaderChange& change) {
    if (change.kind == HeaderChange::Kind::remove) {
      remove(to_lower(change.name), change.index);
      return {};
    }
    MAIL_TRY(std::string text, field_of(change.name, change.value));
    Field made{to_lower(change.name), std::move(text), false};
    if (change.kind == HeaderChange::Kind::replace) {
      if (Field* field = find(made.name, change.index)) {
        field->text = std::move(made.text);
        return {};
      }
    } else if (change.kind == HeaderChange::Kind::insert) {
      auto at = fields_.begin();
      for (std::uint32_t above = 0; above < change.index && at != fields_.end(); ++at) {
        if (!at->text.empty()) ++above;
      }
      fields_.insert(at, std::move(made));
      return {};
    }
    fields_.push_back(std::move(made));
    return {};
  }

  std::string text() const {
    std::string block;
    for (const Field& field : fields_) block.append(field.text);
    return block.append(end_);
  }

 private:
  struct Field {
    std::string name;  // in lower case
    std::string text;  // whole; empty: removed
    bool seen;         // stands in seen_
  };
  struct Seen {
    std::string name;
    Field* field;  // null: not there any more as it was
  };

  Field* find(std::string_view name, std::uint32_t number) {
    std::uint32_t count = 0;
    for (const Seen& seen : seen_) {
      if (seen.name != name || ++count != number) continue;
      if (seen.field != nullptr) return seen.field;
      break;
    }
    if (count < number) return nullptr;
    // Another judge has changed it since: then it is one that was not seen.
    const auto here = std::ranges::find_if(
        fields_, [&](const Field& field) { return field.name == name && !field.seen; });
    return here == fields_.end() ? nullptr : &*here;
  }
  void remove(std::string_view name, std::uint32_t number) {
    if (number != 0) {
      if (Field* field = find(name, number)) field->text.clear();
      return;
    }
    for (const Seen& seen : seen_) {
      if (seen.name == name && seen.field != nullptr) seen.field->text.clear();
    }
  }

  std::list<Field> fields_;  // a list: pointers to what is in it stay
  std::vector<Seen> seen_;
  std::string_view end_;  // the empty line, if there is one
};

}  // namespace

void prepend_fields(Draft& draft, std::string_view fields) {
  draft.content.insert(0, fields);
  draft.header_size += static_cast<std::uint32_t>(fields.size());
  draft.size += fields.size();
}

void count_removed(Draft& draft, std::size_t octets) {
  draft.header_size -= static_cast<std::uint32_t>(octets);
  draft.size -= octets;
}

Result<void> change_header(Draft& draft, std::string_view seen,
                           std::span<const HeaderChange> changes) {
  if (changes.empty()) return {};
  Editor editor(std::string_view(draft.content).substr(0, draft.header_size), seen);
  for (const HeaderChange& change : changes) MAIL_TRY(editor.apply(change));
  const std::string block = editor.text();
  MAIL_TRY(message::HeaderScan scan, message::scan_header_block(block));
  draft.content.replace(0, draft.header_size, block);
  draft.size = draft.size - draft.header_size + block.size();
  draft.header_size = static_cast<std::uint32_t>(block.size());
  draft.from = std::move(scan.summary.from);
  draft.subject = std::move(scan.summary.subject);
  return {};
}

}  // namespace mail
