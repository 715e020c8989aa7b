#include "service/feedback/reports.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "codec/message/mime.h"
#include "platform/zip/zip.h"
#include "platform/zlib/gzip.h"

namespace mail::feedback {
namespace {

// Behind a byte order mark and blanks.
char first_character(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : text[at];
}

template <typename Read>
void keep(Reports& reports, Result<Read> read) {
  if (read) {
    reports.found.emplace_back(*std::move(read));
  } else {
    reports.problems.push_back(describe(read.error()));
  }
}

// `left`: octets that may yet be read of this message; it goes down by those of `text`.
void take_text(Reports& reports, std::string_view text, std::size_t& left) {
  left -= std::min(left, text.size());
  const char first = first_character(text);
  if (first == '<') keep(reports, read_aggregate_report(text));
  if (first == '{') keep(reports, read_tls_report(text));
}

// What it is, its first octets say; names and types are too often wrong.
void take_attachment(Reports& reports, const std::string& bytes, std::size_t& left) {
  if (bytes.starts_with("\x1F\x8B")) {
    const auto text = gzip::decompress(bytes, left);
    if (text) return take_text(reports, *text, left);
    reports.problems.push_back(describe(text.error()));
  } else if (bytes.starts_with("PK\x03\x04")) {
    const auto files = zip::unpack(bytes, {.max_bytes = left});
    if (!files) return reports.problems.push_back(describe(files.error()));
    for (const zip::File& file : *files) take_text(reports, file.content, left);
  } else {
    take_text(reports, bytes, left);
  }
}

// A page of HTML or the text of a person is none.
bool may_be_report(const message::MimePart& part) {
  const std::string_view type = part.type.value;
  return type.starts_with("application/") || type == "text/xml" || type == "text/json";
}

}  // namespace

Reports read_reports(std::string_view content) {
  Reports reports;
  if (auto complaint = dsn::parse_feedback_report(content)) {
    reports.found.emplace_back(*std::move(complaint));
    return reports;
  }
  std::size_t attachments = 0;
  std::size_t left = kMaxUnpacked;
  for (const message::MimePart& part : message::parse_mime(content)) {
    if (!may_be_report(part)) continue;
    if (++attachments > kMaxAttachments) break;
    take_attachment(reports, decode_body(part), left);
  }
  return reports;
}

}  // namespace mail::feedback
