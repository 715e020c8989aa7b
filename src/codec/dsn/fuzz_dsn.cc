// Whatever the facts are made of: CRLF only, lines of at most 998 octets, and exactly the three
// parts and the fields that the composer meant to write.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dsn/dsn.h"

namespace {

using mail::concat;

// The input is values with "~" between; the first octets choose the kinds.
struct Values {
  std::vector<std::string_view> all;
  std::size_t at = 0;
  std::string next() { return at < all.size() ? std::string(all[at++]) : std::string(); }
};

mail::dsn::Report report_from(std::string_view text) {
  const unsigned kinds = text.empty() ? 0 : static_cast<unsigned char>(text.front());
  const unsigned flags = text.size() < 2 ? 0 : static_cast<unsigned char>(text[1]);
  Values values{.all = mail::split(text.substr(std::min<std::size_t>(2, text.size())), '~')};
  mail::dsn::Report report;
  report.options.smtputf8 = (flags & 1U) != 0;
  report.options.ret = (flags & 2U) != 0 ? mail::Ret::full : mail::Ret::unsaid;
  report.options.require_tls = (flags & 4U) != 0;
  report.last_of_many = (flags & 8U) != 0;
  report.to = values.next();
  report.subject = values.next();
  report.from = values.next();
  report.options.envid = values.next();
  report.original_header = values.next();
  if ((flags & 16U) != 0) report.original_body = values.next();
  report.reporting_host = values.next();
  report.id = values.next();
  report.dsn_message_id = values.next();
  do {
    mail::dsn::RecipientReport recipient;
    recipient.action = static_cast<mail::dsn::Action>((kinds + report.recipients.size()) % 5);
    recipient.diagnostic_is_smtp = (flags & 32U) != 0;
    recipient.recipient = values.next();
    recipient.original = values.next();
    recipient.status = values.next();
    recipient.diagnostic = values.next();
    recipient.remote_host = values.next();
    recipient.remote_address = values.next();
    report.recipients.push_back(std::move(recipient));
  } while (values.at < values.all.size());
  return report;
}

void check_lines(std::string_view content) {
  for (std::string_view rest = content; !rest.empty();) {
    const std::size_t end = rest.find("\r\n");
    MAIL_ASSERT(end != std::string_view::npos && end <= 998);
    for (const char c : rest.substr(0, end)) MAIL_ASSERT(c != '\r' && c != '\n' && c != '\0');
    rest.remove_prefix(end + 2);
  }
}

std::size_t count(std::string_view text, std::string_view wanted) {
  std::size_t found = 0;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + 1)) {
    ++found;
  }
  return found;
}

// The line starts of a block of fields are the ones we know.
void check_fields(std::string_view block, const std::vector<std::string_view>& known) {
  for (std::string_view line : mail::split(block, '\n')) {
    if (line.empty() || line == "\r" || line.starts_with(' ')) continue;
    bool is_known = false;
    for (const std::string_view name : known) is_known |= line.starts_with(concat(name, ": "));
    MAIL_ASSERT(is_known);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mail::dsn::Report report =
      report_from(std::string_view(reinterpret_cast<const char*>(data), size));
  const mail::dsn::Notice notice = mail::dsn::compose(report);
  const std::string_view content = notice.content;
  check_lines(content);
  if (notice.options.body == mail::BodyType::seven_bit && !notice.options.smtputf8) {
    MAIL_ASSERT(mail::is_ascii(content));
  }

  const std::string_view header = content.substr(0, content.find("\r\n\r\n") + 2);
  check_fields(header,
               {"Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
                "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"});
  const std::size_t type = header.find("\r\nContent-Type: ");
  const std::size_t start = header.find("boundary=\"", type) + 10;
  const std::string line = concat("\r\n--", header.substr(start, header.find('"', start) - start));
  MAIL_ASSERT(count(content, line) == 4);
  MAIL_ASSERT(content.ends_with(concat(line, "--\r\n")));

  const std::size_t second = content.find(line, content.find(line) + 1);
  const std::size_t third = content.find(line, second + 1);
  const std::string_view status =
      content.substr(second + line.size(), third - second - line.size());
  if (status.find("quoted-printable") == std::string_view::npos) {
    check_fields(status.substr(status.find("\r\n\r\n")),
                 {"Original-Envelope-Id", "Reporting-MTA", "Arrival-Date", "Original-Recipient",
                  "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code",
                  "Last-Attempt-Date", "Will-Retry-Until"});
    MAIL_ASSERT(count(status, "\r\nFinal-Recipient: ") == report.recipients.size());
    MAIL_ASSERT(count(status, "\r\n\r\n") == report.recipients.size() + 1);
  }
  return 0;
}
