#include "codec/dsn/reason.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/text.h"

namespace mail::dsn {
namespace {

constexpr std::string_view kCheckAddress =
    "Please check the address for typing mistakes; if it looks right, ask the recipient in another "
    "way which address to use.";
constexpr std::string_view kTellRecipient =
    "Please tell the recipient in another way, or send the message again later.";
constexpr std::string_view kTellAdmin = "Please show this notice to whoever looks after your mail.";
constexpr std::string_view kTheirAdmin =
    "Only those who look after the mail of % can change that: please tell the recipient in another "
    "way.";
constexpr std::string_view kSmaller =
    "Please send less at a time, or share large files by a link instead.";
constexpr std::string_view kSendLater = "Please send the message again later.";

struct Row {
  std::string_view code;  // subject and detail; the subject alone is for what is not listed
  std::string_view why;   // "%" is the recipient's domain
  std::string_view advice;
};

constexpr auto kRows = std::to_array<Row>({
    {"1", "The address was not accepted by %.", kCheckAddress},
    {"1.1", "There is no mailbox of that name at %.", kCheckAddress},
    {"1.2", "The domain % does not exist or cannot receive mail.", kCheckAddress},
    {"1.3", "The address is not written as a mail address must be.", kCheckAddress},
    {"1.4", "The address fits more than one mailbox at %.", kCheckAddress},
    {"1.6", "The recipient has moved, and % does not know where to.", kCheckAddress},
    {"1.7", "Your own address was not accepted by %.", kTellAdmin},
    {"1.8", "Your own address was not accepted by %.", kTellAdmin},
    {"1.9", "The message was passed to a system that sends no confirmations.",
     "There is nothing you need to do."},
    {"1.10", "The domain % says that it takes no mail at all.", kCheckAddress},
    {"2", "The recipient's mailbox at % could not take the message.", kTellRecipient},
    {"2.1", "The recipient's mailbox at % is switched off.", kTellRecipient},
    {"2.2", "The recipient's mailbox is full.", kTellRecipient},
    {"2.3", "The message is larger than the recipient's mailbox takes.", kSmaller},
    {"2.4", "The mailing list at % could not be worked through.", kTheirAdmin},
    {"3", "The mail system of % could not take the message.", kTellRecipient},
    {"3.1", "The mail system of % has no space left.", kSendLater},
    {"3.2", "The mail system of % takes no messages at the moment.", kSendLater},
    {"3.4", "The message is larger than % takes.", kSmaller},
    {"3.5", "The mail system of % is not set up correctly.", kTheirAdmin},
    {"4", "The mail system of % could not be reached.", kTellRecipient},
    {"4.1", "The mail server of % did not answer.", kTellRecipient},
    {"4.2", "The connection to the mail server of % broke off.", kSendLater},
    {"4.3", "It could not be found out which server takes the mail of %.", kCheckAddress},
    {"4.4", "No way was found to a mail server of %.", kCheckAddress},
    {"4.5", "The mail server of % has too much to do.", kSendLater},
    {"4.6", "The message went round in a circle between mail servers.", kTellAdmin},
    {"4.7", "The message could not be delivered within the time allowed.", kTellRecipient},
    {"5", "The mail server of % and ours did not understand each other.", kTellAdmin},
    {"5.3", "The message has more recipients than % takes at once.",
     "Please send it to fewer people at a time."},
    {"6", "The mail system of % cannot handle the form of this message.", kTellAdmin},
    {"6.1", "The mail system of % does not take this kind of content.",
     "Please send the content in another form."},
    {"6.3", "The message holds characters that the mail server of % cannot carry.", kTellAdmin},
    {"6.7", "The mail server of % cannot handle addresses with such letters.",
     "Please ask the recipient for an address without accents or other special letters."},
    {"6.9", "The mail server of % cannot handle the special letters in this message's header.",
     "Please send it again with plain letters in subject, names and addresses."},
    {"7", "The mail system of % refused the message.", kTheirAdmin},
    {"7.1", "The mail system of % refused the message because of its rules.", kTheirAdmin},
    {"7.2", "You may not write to this mailing list.",
     "Please ask the owner of the list to let you in."},
    {"7.4", "The message may travel encrypted only, and the mail server of % cannot do that.",
     kTellAdmin},
    {"7.5", "The connection to the mail server of % could not be secured.", kTellAdmin},
    {"7.10", "The message may travel encrypted only, and the mail server of % cannot do that.",
     kTellAdmin},
    {"7.13", "The recipient's account at % is switched off.", kTellRecipient},
    {"7.20", "The mail system of % could not make sure that the message is from you.", kTellAdmin},
    {"7.21", "The mail system of % could not make sure that the message is from you.", kTellAdmin},
    {"7.22", "The mail system of % could not make sure that the message is from you.", kTellAdmin},
    {"7.23", "The mail system of % could not make sure that the message is from you.", kTellAdmin},
    {"7.25", "The mail system of % does not trust our mail server's name.", kTellAdmin},
    {"7.26", "The mail system of % could not make sure that the message is from you.", kTellAdmin},
    {"7.27", "The domain of your own address says that it takes no mail.", kTellAdmin},
    {"7.28", "The mail system of % got too many messages.", kSendLater},
    {"7.30", "The message may travel encrypted only, and the mail server of % cannot promise that.",
     kTellAdmin},
});
constexpr Row kGeneral{"0", "The mail system of % did not take the message.", kTellRecipient};

const Row& row_of(std::string_view subject_and_detail) {
  const auto find = [](std::string_view code) {
    return std::ranges::find(kRows, code, &Row::code);
  };
  if (const auto exact = find(subject_and_detail); exact != kRows.end()) return *exact;
  const auto subject = find(subject_and_detail.substr(0, subject_and_detail.find('.')));
  return subject != kRows.end() ? *subject : kGeneral;
}

std::string with_domain(std::string_view sentence, std::string_view domain) {
  std::string out;
  const std::size_t at = sentence.find('%');
  if (at == std::string_view::npos) return std::string(sentence);
  append(out, sentence.substr(0, at), domain.empty() ? "the recipient" : domain,
         sentence.substr(at + 1));
  return out;
}

bool is_number(std::string_view digits) {
  return !digits.empty() && digits.size() <= 3 && std::ranges::all_of(digits, is_digit) &&
         (digits == "0" || digits.front() != '0');  // RFC 3464 §2.3.4: no leading zeros
}

bool is_status(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '.');
  return parts.size() == 3 && (parts[0] == "2" || parts[0] == "4" || parts[0] == "5") &&
         is_number(parts[1]) && is_number(parts[2]);
}

// Of a reply, "550 5.1.1 no such user" or "550-5.1.1 no such".
std::optional<std::string> status_in_reply(std::string_view reply) {
  if (reply.size() < 3 || !std::ranges::all_of(reply.substr(0, 3), is_digit)) return std::nullopt;
  const char reply_class = reply.front();
  if (reply_class != '2' && reply_class != '4' && reply_class != '5') return std::nullopt;
  if (reply.size() > 4) {
    const std::string_view rest = reply.substr(4);
    const std::string_view word = rest.substr(0, rest.find(' '));
    // RFC 2034 §4: the classes agree.
    if (is_status(word) && word.front() == reply_class) return std::string(word);
  }
  return concat(reply_class, ".0.0");
}

}  // namespace

std::string status_of(const RecipientReport& report) {
  if (is_status(report.status)) return report.status;
  if (report.diagnostic_is_smtp) {
    if (auto status = status_in_reply(report.diagnostic)) return *std::move(status);
  }
  switch (report.action) {
    case Action::failed:
      return "5.0.0";
    case Action::delayed:
      return "4.0.0";
    case Action::delivered:
    case Action::relayed:
    case Action::expanded:
      return "2.0.0";
  }
  return "5.0.0";
}

Reason reason_of(std::string_view status, std::string_view domain) {
  const Row& row = row_of(status.substr(std::min<std::size_t>(2, status.size())));
  return {.why = with_domain(row.why, domain), .advice = with_domain(row.advice, domain)};
}

}  // namespace mail::dsn
