#include "codec/message/header_block.h"

#include <algorithm>

#include "base/text.h"
#include "codec/message/address_list.h"

namespace mail::message {
namespace {

constexpr std::size_t kMaxShown = 255;  // octets of From and Subject that lists keep

bool is_blank(char c) { return c == ' ' || c == '\t'; }
// ftext (RFC 5322 §3.6.8): printable ASCII but the colon.
bool is_ftext(char c) { return c > ' ' && c <= '~' && c != ':'; }

// Behind the CRLF that ends the line at `at`, or npos. Only CRLF ends a line (RFC 5322 §2.1).
std::size_t line_end(std::string_view content, std::size_t at) {
  for (std::size_t lf = content.find('\n', at); lf != std::string_view::npos;
       lf = content.find('\n', lf + 1)) {
    if (lf > at && content[lf - 1] == '\r') return lf + 1;
  }
  return std::string_view::npos;
}

// Folds taken out and blanks at both ends; stops once `most` octets are there, between characters.
std::string unfold_up_to(std::string_view value, std::size_t most) {
  std::size_t at = 0;
  const auto skip_fold = [&] {
    while (at + 1 < value.size() && value[at] == '\r' && value[at + 1] == '\n') at += 2;
  };
  for (skip_fold(); at < value.size() && is_blank(value[at]); skip_fold()) ++at;
  std::string out;
  out.reserve(std::min(value.size() - at, most));
  for (; at < value.size() && out.size() < most; skip_fold()) {
    const std::size_t run = std::min(value.find('\r', at + 1), value.size()) - at;
    out.append(value.substr(at, std::min(run, most - out.size())));
    at += run;
  }
  if (out.size() == most) {  // do not leave the first half of a UTF-8 character
    std::size_t cut = out.size();
    while (cut > 0 && most - cut < 3 && (out[cut - 1] & 0xC0) == 0x80) --cut;
    if (cut > 0 && (out[cut - 1] & 0xC0) == 0xC0) {
      const auto lead = static_cast<unsigned char>(out[cut - 1]);
      const std::size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
      if (out.size() - (cut - 1) < need) out.resize(cut - 1);
    }
  }
  while (!out.empty() && is_blank(out.back())) out.pop_back();
  return out;
}

void note_from(HeaderSummary& summary, std::string_view value) {
  if (++summary.from_fields > 1) {
    summary.from_valid = false;
    return;
  }
  const auto list = parse_address_list(value);
  // RFC 6854 §2.1 allows a group, an empty one too.
  summary.from_valid = list && list->mailboxes + list->groups > 0;
  summary.from = unfold_up_to(value, kMaxShown);
}

// The length tells most names apart before a character is compared.
void note(HeaderSummary& summary, const HeaderField& field) {
  const std::string_view name = field.name;
  switch (name.size()) {
    case 3:
      summary.has_bcc |= iequals(name, "Bcc");
      break;
    case 4:
      if (iequals(name, "From")) note_from(summary, field.value);
      summary.has_date |= iequals(name, "Date");
      break;
    case 7:
      if (summary.subject.empty() && iequals(name, "Subject")) {
        summary.subject = unfold_up_to(field.value, kMaxShown);
      }
      break;
    case 8:
      if (iequals(name, "Received")) ++summary.received_fields;
      break;
    case 10:
      summary.has_message_id |= iequals(name, "Message-ID");
      summary.has_bcc |= iequals(name, "Resent-Bcc");
      break;
    case 12:
      if (iequals(name, "TLS-Required")) {
        const bool alone = ++summary.tls_required_fields == 1;
        summary.tls_optional = alone && iequals(unfold_up_to(field.value, 16), "No");
      }
      break;
    default:
      break;
  }
}

// Hands every field within the limits to `take`; the scanner is left behind the block.
template <typename Take>
Result<void> for_each_field(HeaderScanner& scanner, HeaderLimits limits, const Take& take) {
  HeaderField field;
  for (std::size_t count = 0; scanner.next(&field);) {
    if (++count > limits.max_fields) return fail(Errc::too_large, "too many header fields");
    if (scanner.size() > limits.max_bytes) return fail(Errc::too_large, "header block too large");
    take(field);
  }
  return {};
}

}  // namespace

bool HeaderScanner::next(HeaderField* field) {
  if (ended_ || at_ == content_.size()) return false;
  const std::string_view rest = content_.substr(at_);
  if (rest.starts_with("\r\n")) {
    at_ += 2;
    ended_ = true;
    return false;
  }
  std::size_t colon = 0;
  while (colon < rest.size() && is_ftext(rest[colon])) ++colon;
  const std::size_t name = colon;
  while (colon < rest.size() && is_blank(rest[colon])) ++colon;  // RFC 5322 §4.5.8
  if (name == 0 || colon == rest.size() || rest[colon] != ':') {
    ended_ = line_end(rest, 0) != std::string_view::npos;
    content_ = content_.substr(0, at_);
    return false;
  }
  std::size_t end = line_end(rest, colon + 1);
  while (end < rest.size() && is_blank(rest[end])) end = line_end(rest, end);  // folded
  const bool whole = end != std::string_view::npos;
  if (!whole) end = rest.size();
  field->name = rest.substr(0, name);
  field->value = rest.substr(colon + 1, end - colon - 1 - (whole ? 2 : 0));
  field->whole = rest.substr(0, end);
  at_ += end;
  return true;
}

std::size_t header_block_size(std::string_view content) {
  HeaderScanner scanner(content);
  HeaderField field;
  while (scanner.next(&field)) continue;
  return scanner.size();
}

Result<std::vector<HeaderField>> parse_header_block(std::string_view block, HeaderLimits limits) {
  std::vector<HeaderField> fields;
  fields.reserve(32);
  HeaderScanner scanner(block);
  MAIL_TRY(
      for_each_field(scanner, limits, [&](const HeaderField& field) { fields.push_back(field); }));
  return fields;
}

HeaderSummary summarize(const std::vector<HeaderField>& fields) {
  HeaderSummary summary;
  for (const HeaderField& field : fields) note(summary, field);
  return summary;
}

Result<HeaderScan> scan_header_block(std::string_view content, HeaderLimits limits) {
  HeaderScan scan;
  HeaderScanner scanner(content);
  MAIL_TRY(for_each_field(scanner, limits,
                          [&](const HeaderField& field) { note(scan.summary, field); }));
  scan.size = scanner.size();
  scan.complete = scanner.ended();
  return scan;
}

std::size_t remove_fields(std::string& content, std::size_t begin, std::string_view name) {
  if (begin >= content.size()) return 0;
  HeaderScanner scanner(std::string_view(content).substr(begin));
  HeaderField field;
  // Fields that stay move up over those that go; the scanner is always ahead of what is written.
  char* to = content.data() + begin;
  std::size_t removed = 0;
  while (scanner.next(&field)) {
    if (iequals(field.name, name)) {
      removed += field.whole.size();
    } else {
      if (removed > 0) std::copy(field.whole.begin(), field.whole.end(), to);
      to += field.whole.size();
    }
  }
  content.erase(static_cast<std::size_t>(to - content.data()), removed);
  return removed;
}

std::string unfold(std::string_view value) { return unfold_up_to(value, value.size() + 1); }

}  // namespace mail::message
