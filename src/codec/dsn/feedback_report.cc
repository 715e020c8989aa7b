#include "codec/dsn/feedback_report.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "codec/message/date.h"
#include "codec/message/header_block.h"
#include "codec/message/mime.h"

namespace mail::dsn {
namespace {

using message::unfold;

struct TextField {
  std::string_view name;
  std::string FeedbackReport::* value;
};
constexpr std::array kTexts{
    TextField{"User-Agent", &FeedbackReport::user_agent},
    TextField{"Original-Envelope-Id", &FeedbackReport::original_envelope_id},
    TextField{"Original-Mail-From", &FeedbackReport::original_mail_from},
    TextField{"Feedback-Type", &FeedbackReport::feedback_type},
    TextField{"Auth-Failure", &FeedbackReport::auth_failure},
    TextField{"Delivery-Result", &FeedbackReport::delivery_result},
    TextField{"Identity-Alignment", &FeedbackReport::identity_alignment},
    TextField{"DKIM-ADSP-DNS", &FeedbackReport::dkim_adsp_dns},
    TextField{"DKIM-Domain", &FeedbackReport::dkim_domain},
    TextField{"DKIM-Identity", &FeedbackReport::dkim_identity},
    TextField{"DKIM-Selector", &FeedbackReport::dkim_selector},
    TextField{"DKIM-Selector-DNS", &FeedbackReport::dkim_selector_dns},
    TextField{"SPF-DNS", &FeedbackReport::spf_dns},
    TextField{"Source-IP", &FeedbackReport::source_ip},
    TextField{"Reporting-MTA", &FeedbackReport::reporting_mta},
    TextField{"DKIM-Canonicalized-Body", &FeedbackReport::dkim_canonicalized_body},
    TextField{"DKIM-Canonicalized-Header", &FeedbackReport::dkim_canonicalized_header},
};
struct ListField {
  std::string_view name;
  std::vector<std::string> FeedbackReport::* values;
};
constexpr std::array kLists{
    ListField{"Original-Rcpt-To", &FeedbackReport::original_recipients},
    ListField{"Authentication-Results", &FeedbackReport::authentication_results},
    ListField{"Reported-Domain", &FeedbackReport::reported_domains},
    ListField{"Reported-URI", &FeedbackReport::reported_uris},
};
struct NumberField {
  std::string_view name;
  std::uint64_t FeedbackReport::* value;
};
constexpr std::array kNumbers{
    NumberField{"Version", &FeedbackReport::version},
    NumberField{"Incidents", &FeedbackReport::incidents},
    NumberField{"Source-Port", &FeedbackReport::source_port},
};

void take(FeedbackReport& report, const message::HeaderField& field) {
  for (const TextField& text : kTexts) {
    std::string& value = report.*text.value;
    if (iequals(field.name, text.name) && value.empty()) value = unfold(field.value);
  }
  for (const ListField& list : kLists) {
    std::vector<std::string>& values = report.*list.values;
    if (iequals(field.name, list.name) && values.size() < kMaxListed) {
      values.push_back(unfold(field.value));
    }
  }
  for (const NumberField& number : kNumbers) {
    if (!iequals(field.name, number.name)) continue;
    if (const auto value = parse_number(unfold(field.value))) report.*number.value = *value;
  }
  const bool arrival = iequals(field.name, "Arrival-Date") || iequals(field.name, "Received-Date");
  if (arrival && !report.arrival) {
    if (const auto at = message::parse_date(field.value)) report.arrival = *at;
  }
}

void drop_blanks(std::string& text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
}

void tidy(FeedbackReport& report) {
  for (std::string* word : {&report.feedback_type, &report.auth_failure, &report.delivery_result,
                            &report.identity_alignment}) {
    *word = to_lower(*word);
  }
  // "192.0.2.1 (mail.example.com)"; "dns; mail.example.com"
  report.source_ip.resize(
      std::min(report.source_ip.find_first_of(" \t("), report.source_ip.size()));
  if (const std::size_t type = report.reporting_mta.find(';'); type != std::string::npos) {
    report.reporting_mta = trim(std::string_view(report.reporting_mta).substr(type + 1));
  }
  drop_blanks(report.dkim_canonicalized_body);
  drop_blanks(report.dkim_canonicalized_header);
}

}  // namespace

std::optional<FeedbackReport> parse_feedback_report(std::string_view content) {
  std::optional<FeedbackReport> report;
  std::string original;
  for (const message::MimePart& part : message::parse_mime(content)) {
    const std::string& type = part.type.value;
    if (!report && type == "message/feedback-report") {
      report.emplace();
      // Its fields end with the part; there may be no empty line behind them.
      const std::string fields = decode_body(part) + "\r\n";
      message::HeaderScanner scanner(fields);
      message::HeaderField field;
      while (scanner.next(&field)) take(*report, field);
    } else if (original.empty() && (type == "message/rfc822" || type == "text/rfc822-headers")) {
      original = decode_body(part);
      original.resize(std::min(message::header_block_size(original), original.size()));
    }
  }
  if (!report || report->feedback_type.empty()) return {};  // RFC 5965 §3.1: it must be there
  tidy(*report);
  report->original_header = std::move(original);
  return report;
}

}  // namespace mail::dsn
