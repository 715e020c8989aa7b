#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "codec/dsn/clean.h"
#include "codec/dsn/dsn.h"
#include "codec/dsn/parts.h"
#include "codec/dsn/reason.h"
#include "codec/message/trace.h"

namespace mail::dsn {
namespace {

constexpr std::size_t kMaxListed = 50;  // by name in the text; the status part has all
constexpr std::size_t kMaxSubject = 255;
constexpr std::size_t kMaxDiagnostic = 1024;

// Worst first: it gives the subject, and its paragraph is the first.
constexpr std::array kOrder{Action::failed, Action::delayed, Action::relayed, Action::expanded,
                            Action::delivered};

// What follows "Your message "Lunch" to jerry@yahoo.test ".
std::string_view fate(Action action) {
  switch (action) {
    case Action::failed:
      return "could not be delivered";
    case Action::delayed:
      return "has not been delivered yet";
    case Action::delivered:
      return "was delivered";
    case Action::relayed:
      return "was passed on to a mail server that sends no confirmations";
    case Action::expanded:
      return "was passed on to several addresses";
  }
  return "";
}

// The same in a Subject.
std::string_view short_fate(Action action) {
  switch (action) {
    case Action::failed:
      return "could not be delivered";
    case Action::delayed:
      return "is delayed";
    case Action::delivered:
      return "was delivered";
    case Action::relayed:
    case Action::expanded:
      return "was passed on";
  }
  return "";
}

std::string date(WallTime at) {
  std::string out;
  message::append_date(out, at);
  return out;
}

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

void append_paragraph(std::string& out, std::string_view text, std::string_view indent = "") {
  out.append(indent);
  append_wrapped(out, text, indent);
  out.append("\r\n");
}

// How long we tried, in the unit a person would choose.
std::string time_between(WallTime from, WallTime to) {
  const std::int64_t minutes =
      std::max<std::int64_t>(1, std::chrono::floor<std::chrono::minutes>(to - from).count());
  const auto say = [](std::int64_t number, std::string_view unit) {
    return concat(number, ' ', unit, number == 1 ? "" : "s");
  };
  if (minutes < 120) return say(minutes, "minute");
  if (minutes < 48 * 60) return say(minutes / 60, "hour");
  return say(minutes / (24 * 60), "day");
}

// Why, and what to do: the sentences behind "could not be delivered."
std::string explanation(const Report& report, const RecipientReport& recipient) {
  const std::string status = status_of(recipient);
  const std::string domain = clean_text(domain_of(recipient.recipient), kMaxSubject);
  const Reason reason = reason_of(status, domain);
  switch (recipient.action) {
    case Action::failed:
      // A temporary failure that lasted: the same code as before, but for good (RFC 3464 §2.3.3).
      if (status.front() != '4') return concat(reason.why, ' ', reason.advice);
      return concat(reason.why, " We tried for ", time_between(report.arrived, report.now),
                    " and have given up. ", reason.advice);
    case Action::delayed: {
      std::string out = concat(reason.why, " We keep trying");
      if (recipient.will_retry_until) append(out, " until ", date(*recipient.will_retry_until));
      out.append(" and will tell you if it does not work. There is nothing you need to do.");
      return out;
    }
    case Action::delivered:
      return "There is nothing you need to do.";
    case Action::relayed:
      return "You will hear from it only if something goes wrong. There is nothing you need to do.";
    case Action::expanded:
      return "You will be told if it does not reach one of them.";
  }
  return "";
}

std::vector<const RecipientReport*> with_action(const Report& report, Action action) {
  std::vector<const RecipientReport*> found;
  for (const RecipientReport& recipient : report.recipients) {
    if (recipient.action == action) found.push_back(&recipient);
  }
  return found;
}

// "For 3 of 5 recipients", "For 3 recipients".
std::string of_all(std::size_t count, const Report& report) {
  return count == report.recipients.size() ? "" : concat(" of ", report.recipients.size());
}

// One paragraph: a reader who stops behind it knows who, why and what to do.
void append_group(std::string& out, const Report& report, Action action) {
  const std::vector<const RecipientReport*> group = with_action(report, action);
  if (group.empty()) return;
  if (!out.empty()) out.append("\r\n");
  const std::string subject = subject_for_people(report);
  std::string message = "Your message";
  if (!subject.empty()) append(message, " \"", subject, '"');
  if (group.size() == 1) {
    append_paragraph(out, concat(message, " to ", clean_address(group.front()->recipient), ' ',
                                 fate(action), ". ", explanation(report, *group.front())));
    return;
  }
  message.front() = 'y';
  append_paragraph(out, concat("For ", group.size(), of_all(group.size(), report), " recipients ",
                               message, ' ', fate(action), ':'));
  for (std::size_t i = 0; i < std::min(group.size(), kMaxListed); ++i) {
    append_paragraph(
        out, concat(clean_address(group[i]->recipient), ": ", explanation(report, *group[i])),
        "  ");
  }
  if (group.size() > kMaxListed) {
    append(out, "  ... and ", group.size() - kMaxListed,
           " more, named in the attached report.\r\n");
  }
}

// Whose words: "mx.yahoo.test [192.0.2.1] said: ".
std::string speaker(const Report& report, const RecipientReport& recipient) {
  if (!recipient.diagnostic_is_smtp) return concat(clean_host(report.reporting_host), " says: ");
  std::string out = clean_host(recipient.remote_host);
  const std::string literal = concat('[', clean_host(recipient.remote_address), ']');
  if (!recipient.remote_address.empty() && out != literal) {  // a route may name an address alone
    append(out, out.empty() ? "" : " ", literal);
  }
  return concat(out.empty() ? "the other server" : out, " said: ");
}

void append_details(std::string& out, const Report& report) {
  append(out, "\r\nDetails for those who look after mail servers:\r\n");
  for (std::size_t i = 0; i < std::min(report.recipients.size(), kMaxListed); ++i) {
    const RecipientReport& recipient = report.recipients[i];
    std::string line =
        concat("Recipient ", clean_address(recipient.recipient), ", status ", status_of(recipient));
    if (recipient.last_attempt != WallTime{})
      append(line, ", tried ", date(recipient.last_attempt));
    out.append("\r\n");
    append_paragraph(out, line, "  ");
    if (recipient.diagnostic.empty()) continue;
    append_paragraph(
        out, concat(speaker(report, recipient), clean_text(recipient.diagnostic, kMaxDiagnostic)),
        "  ");
  }
  out.append("\r\n");
  std::string message =
      concat("Message ", clean_text(report.id, kMaxSubject), ", taken ", date(report.arrived));
  const std::string from = clean_text(decode_words(report.from), kMaxSubject);
  if (!from.empty()) append(message, ", from ", from);
  append_paragraph(out, message, "  ");
}

}  // namespace

std::string subject_for_people(const Report& report) {
  return clean_text(decode_words(report.subject), kMaxSubject);
}

std::string headline(const Report& report) {
  for (const Action action : kOrder) {
    const std::size_t count = with_action(report, action).size();
    if (count == 0) continue;
    return concat("Your message ", short_fate(action),
                  count < report.recipients.size() ? " (some recipients)" : "");
  }
  return "About your message";
}

std::string text_part(const Report& report) {
  std::string out;
  for (const Action action : kOrder) append_group(out, report, action);
  if (report.last_of_many) {
    out.append("\r\n");
    append_paragraph(out,
                     "This is the last notice about this message: there were too many to send "
                     "more, whatever becomes of its other recipients.");
  }
  append_details(out, report);
  append(out, "\r\nThis notice was written by the mail server ", clean_host(report.reporting_host),
         ".\r\n");
  return out;
}

}  // namespace mail::dsn
