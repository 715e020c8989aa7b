#include "service/feedback/report_mail.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "platform/zlib/gzip.h"

namespace mail::feedback {
namespace {

constexpr std::size_t kBase64Line = 76;

void append_base64(std::string& out, std::string_view bytes) {
  const std::string encoded = base64_encode(bytes);
  for (std::size_t at = 0; at < encoded.size(); at += kBase64Line) {
    append(out, std::string_view(encoded).substr(at, kBase64Line), "\r\n");
  }
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
    if (low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    } else {
      out.push_back(text[at]);
    }
  }
  return out;
}

bool is_within(std::string_view domain, std::string_view parent) {
  if (iequals(domain, parent)) return true;
  return domain.size() > parent.size() && domain[domain.size() - parent.size() - 1] == '.' &&
         iequals(domain.substr(domain.size() - parent.size()), parent);
}

}  // namespace

std::string compose_report_mail(const AggregateReport& report, const ReportMail& mail) {
  const std::string boundary = concat("=_", report.report_id);
  const std::string file = concat(mail.hostname, '!', report.policy.domain, '!', report.begin, '!',
                                  report.end, ".xml.gz");
  std::string out = concat("From: ", mail.from, "\r\nTo: ");
  for (std::size_t i = 0; i < mail.to.size(); ++i) {
    append(out, i == 0 ? "" : ",\r\n ", mail.to[i]);
  }
  append(out, "\r\nSubject: Report Domain: ", report.policy.domain,
         "\r\n Submitter: ", mail.hostname, "\r\n Report-ID: <", report.report_id, '@',
         mail.hostname, ">\r\nDate: ");
  message::append_date(out, mail.now);
  append(out, "\r\nMessage-ID: <", mail.message_id, ">\r\nMIME-Version: 1.0\r\n",
         "Auto-Submitted: auto-generated\r\n", "Content-Type: multipart/mixed;\r\n boundary=\"",
         boundary, "\"\r\n\r\n--", boundary,
         "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
         "This is a DMARC aggregate report: how mail that named\r\n", report.policy.domain,
         "\r\nas its author's domain fared at ", mail.hostname,
         ".\r\nThe attached file is meant for programs.\r\n\r\n--", boundary,
         "\r\nContent-Type: application/gzip; name=\"", file,
         "\"\r\nContent-Disposition: attachment; filename=\"", file,
         "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
  append_base64(out, gzip::compress(write_aggregate_report(report)));
  append(out, "--", boundary, "--\r\n");
  return out;
}

std::vector<Mailbox> report_addresses(const std::vector<std::string>& uris, std::size_t limit) {
  constexpr std::string_view kScheme = "mailto:";
  std::vector<Mailbox> out;
  for (const std::string& uri : uris) {
    if (out.size() == limit) break;
    if (!istarts_with(uri, kScheme)) continue;
    const std::string_view rest = std::string_view(uri).substr(kScheme.size());
    const auto mailbox = Mailbox::parse(decode_percent(rest.substr(0, rest.find('?'))));
    if (mailbox && !mailbox->domain.text().empty()) out.push_back(*mailbox);
  }
  return out;
}

std::optional<std::string> consent_name(std::string_view policy_domain, std::string_view org_domain,
                                        std::string_view destination) {
  const std::string_view home = org_domain.empty() ? policy_domain : org_domain;
  if (is_within(destination, home)) return {};
  return concat(policy_domain, "._report._dmarc.", destination);
}

}  // namespace mail::feedback
