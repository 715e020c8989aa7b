#include "codec/dsn/dsn.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dsn/clean.h"
#include "codec/dsn/parts.h"
#include "codec/message/header_block.h"
#include "codec/message/trace.h"

namespace mail::dsn {
namespace {

struct Part {
  std::string_view type;      // with parameters
  std::string_view encoding;  // "7bit", "8bit", "quoted-printable"
  std::string content;        // encoded, ends with CRLF
};

// Whether the way back carries 8-bit: an address beyond ASCII cannot be reached without SMTPUTF8,
// which comes with 8BITMIME (RFC 6531 §3.1). Of any other way nothing is known, so that what is not
// ASCII is encoded (RFC 6533 §4.5): a notice that a hop cannot take is lost.
bool way_is_utf8(std::string_view to) { return !is_ascii(to); }

Part make_part(std::string_view type, std::string content, bool utf8_way) {
  switch (shape_of(content)) {
    case Shape::seven_bit:
      return {type, "7bit", std::move(content)};
    case Shape::eight_bit:
      if (utf8_way) return {type, "8bit", std::move(content)};
      break;
    case Shape::binary:
      break;
  }
  return {type, "quoted-printable", quoted_printable(content)};
}

// Ends with one CRLF, without the empty line; at most kMaxReturnedMessage, whole lines only.
std::string returned_header(std::string_view header) {
  if (header.size() > kMaxReturnedMessage) {
    const std::size_t end = header.rfind("\r\n", kMaxReturnedMessage - 2);
    header = header.substr(0, end == std::string_view::npos ? kMaxReturnedMessage : end);
  }
  while (header.ends_with("\r\n")) header.remove_suffix(2);
  return concat(header, "\r\n");
}

Part returned_part(const Report& report, bool utf8_way) {
  std::string header = returned_header(report.original_header);
  const bool global = report.options.smtputf8 && !is_ascii(header);
  if (wants_body(report) && report.original_body) {
    std::string whole = concat(header, "\r\n", *report.original_body);
    if (!whole.ends_with("\r\n")) whole.append("\r\n");
    if (global) return make_part("message/global", std::move(whole), utf8_way);
    // RFC 2046 §5.2.1: message/rfc822 is never encoded. 8-bit needs a way that carries it, as the
    // original did; what is binary stays behind (RFC 6522 §3 allows the header alone).
    switch (shape_of(whole)) {
      case Shape::seven_bit:
        return {"message/rfc822", "7bit", std::move(whole)};
      case Shape::eight_bit:
        return {"message/rfc822", "8bit", std::move(whole)};
      case Shape::binary:
        break;
    }
  }
  return make_part(global ? "message/global-headers" : "text/rfc822-headers", std::move(header),
                   utf8_way);
}

// RFC 2046 §5.1.1: a line that occurs in no part. Made from the id of the notice, so that a sender
// cannot know it beforehand; the number is there for one who can.
std::string make_boundary(std::string_view id, const std::vector<Part>& parts) {
  std::string stem = "=_";
  for (const char c : id.substr(0, 40)) {
    if (is_alnum(c)) stem.push_back(c);
  }
  for (unsigned number = 0;; ++number) {
    std::string boundary = concat(stem, '_', number);
    const auto holds = [&](const Part& part) {
      return part.content.find(boundary) != std::string::npos;
    };
    if (std::ranges::none_of(parts, holds)) return boundary;
  }
}

// The original's Message-ID where it is one, so that mail programs show the notice beside it.
std::string original_message_id(std::string_view header) {
  message::HeaderScanner scanner(header);
  message::HeaderField field;
  while (scanner.next(&field)) {
    if (!iequals(field.name, "Message-ID")) continue;
    std::string id = message::unfold(field.value);
    const bool sound = id.size() > 2 && id.size() <= 500 && id.starts_with('<') &&
                       id.find('>') == id.size() - 1 &&
                       std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~'; });
    return sound ? id : "";
  }
  return "";
}

std::string plain_id(std::string_view id) {
  std::string out(id.substr(0, 250));
  for (char& c : out) {
    if (!is_alnum(c) && c != '.' && c != '-' && c != '_' && c != '@') c = '_';
  }
  return out;
}

void append_header(std::string& out, const Report& report, std::string_view to,
                   std::string_view boundary) {
  out.append("Date: ");
  message::append_date(out, report.now);
  // RFC 3464 §2: a person who reads what is answered.
  append(out, "\r\nFrom: Mail Delivery System <postmaster@", clean_host(report.reporting_host),
         ">\r\n");
  append_field(out, "To", to);
  const std::string subject = subject_for_people(report);
  append_field(
      out, "Subject",
      subject.empty() ? headline(report) : concat(headline(report), ": ", encode_words(subject)));
  append_field(out, "Message-ID", concat('<', plain_id(report.dsn_message_id), '>'));
  if (const std::string id = original_message_id(report.original_header); !id.empty()) {
    append_field(out, "In-Reply-To", id);  // RFC 3834 §3.1.5
    append_field(out, "References", id);
  }
  append(out,
         "Auto-Submitted: auto-replied\r\n"  // RFC 3834 §5
         "MIME-Version: 1.0\r\n"
         "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"",
         boundary, "\"\r\n");
}

}  // namespace

bool wants_body(const Report& report) {
  const bool failure = std::ranges::any_of(report.recipients, [](const RecipientReport& recipient) {
    return recipient.action == Action::failed;
  });
  const std::size_t body = report.original_body ? report.original_body->size() : 0;
  return report.options.ret == Ret::full && failure && !report.options.require_tls &&
         report.original_size <= kMaxReturnedMessage &&
         report.original_header.size() + body <= kMaxReturnedMessage;
}

Notice compose(const Report& report) {
  const std::string to = clean_address(report.to);
  const bool utf8_way = way_is_utf8(to);
  std::string status = status_part(report);
  const std::string_view status_type =
      is_ascii(status) ? "message/delivery-status" : "message/global-delivery-status";
  std::vector<Part> parts;
  parts.push_back(make_part("text/plain; charset=utf-8", text_part(report), utf8_way));
  parts.push_back(make_part(status_type, std::move(status), utf8_way));
  parts.push_back(returned_part(report, utf8_way));

  Notice notice;
  std::string& out = notice.content;
  const std::string boundary = make_boundary(report.dsn_message_id, parts);
  append_header(out, report, to, boundary);
  const bool eight_bit =
      std::ranges::any_of(parts, [](const Part& part) { return part.encoding == "8bit"; });
  // RFC 2045 §6.4: a multipart says the widest of its parts.
  append(out, "Content-Transfer-Encoding: ", eight_bit ? "8bit" : "7bit", "\r\n\r\n");
  for (const Part& part : parts) {
    append(out, "--", boundary, "\r\nContent-Type: ", part.type,
           "\r\nContent-Transfer-Encoding: ", part.encoding, "\r\n\r\n", part.content, "\r\n");
  }
  append(out, "--", boundary, "--\r\n");

  notice.options.body = eight_bit ? BodyType::eight_bit_mime : BodyType::seven_bit;
  notice.options.smtputf8 = utf8_way;
  notice.options.require_tls = report.options.require_tls;  // RFC 8689 §5
  return notice;
}

}  // namespace mail::dsn
