#include "service/feedback/intake.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/message/content_type.h"
#include "codec/message/header_block.h"

namespace mail::feedback {
namespace {

constexpr std::array<std::string_view, 6> kTakers{"postmaster",    "abuse",  "dmarc",
                                                  "dmarc-reports", "tlsrpt", "tls-reports"};

// Reports come as multipart/report, as multipart/mixed with an attachment, or as nothing but a
// file. The text of a person does not.
bool may_carry_reports(std::string_view header) {
  message::HeaderScanner scanner(header);
  message::HeaderField field;
  while (scanner.next(&field)) {
    if (!iequals(field.name, "Content-Type")) continue;
    const std::string type = message::parse_parameter_field(field.value).value;
    return type.starts_with("multipart/") || type.starts_with("application/") || type == "text/xml";
  }
  return false;
}

bool is_authenticated(const Evidence& evidence) {
  if (evidence.findings == nullptr) return false;
  const dmarc::Outcome* const outcome = evidence.findings->dmarc_decisive();
  if (outcome != nullptr && outcome->verdict == dmarc::Verdict::pass) return true;
  return std::ranges::any_of(evidence.findings->dkim.signatures, [](const auto& signature) {
    return signature.verdict == dkim::Verdict::pass;
  });
}

std::string without_brackets(std::string_view address) {
  address = trim(address);
  if (address.starts_with('<') && address.ends_with('>')) {
    address = address.substr(1, address.size() - 2);
  }
  return std::string(address);
}

}  // namespace

bool takes_reports(std::string_view local_part) {
  return std::ranges::any_of(kTakers,
                             [&](std::string_view taker) { return iequals(local_part, taker); });
}

std::optional<MessageId> message_complained_of(std::string_view original_header) {
  message::HeaderScanner scanner(original_header);
  message::HeaderField field;
  while (scanner.next(&field)) {
    if (!iequals(field.name, "Received")) continue;
    std::string value = message::unfold(field.value);
    std::ranges::replace(value, '\t', ' ');
    constexpr std::string_view kId = " id ";
    for (std::size_t at = value.find(kId); at != std::string::npos; at = value.find(kId, at + 1)) {
      const std::string_view rest = std::string_view(value).substr(at + kId.size());
      const auto id = MessageId::parse(rest.substr(0, rest.find_first_of(" ;\t")));
      if (id) return *id;
    }
  }
  return {};
}

class Intake::Listening final : public Hearing {
 public:
  Listening(Intake& intake, const Case& of) : intake_(intake), case_(of) {}

  bool hears_envelope() const override { return false; }

  Task<void> header(std::string_view block) override {
    reading_ = is_for_reports() && may_carry_reports(block);
    if (reading_) content_ = concat(block, "\r\n");
    return Task<void>::ended();
  }
  Task<void> body(std::string_view piece) override {
    if (!reading_) return Task<void>::ended();
    reading_ = content_.size() + piece.size() <= kMaxReportMail;
    if (reading_) {
      content_ += piece;
    } else {
      content_ = {};
    }
    return Task<void>::ended();
  }
  Task<Verdict> message(Draft& draft) override {
    return reading_ ? read(draft.id) : Task<Verdict>::ended();
  }
  void end_transaction() override {
    reading_ = false;
    content_ = {};
  }

 private:
  Task<Verdict> read(MessageId carrier) {
    co_await intake_.take(std::exchange(content_, {}), carrier, is_authenticated(case_.evidence));
    co_return Accept{};
  }

  // Not asked recipient by recipient: nobody is, of those that are always taken.
  bool is_for_reports() const {
    const auto directory = intake_.control_.snapshot();
    return std::ranges::any_of(case_.transaction.recipients, [&](const Mailbox& recipient) {
      const bool here = recipient.domain.text().empty() || directory->is_local(recipient.domain);
      return here && takes_reports(recipient.local_part);
    });
  }

  Intake& intake_;
  Case case_;
  bool reading_ = false;  // the message may be one
  std::string content_;
};

std::unique_ptr<Hearing> Intake::open(const Case& of) {
  if (of.listener.role == smtp::Role::submission) return nullptr;
  return std::make_unique<Listening>(*this, of);
}

// The reply waits for it: some milliseconds for mail that comes a few times a day, and nothing is
// left behind when the server stops.
Task<void> Intake::take(std::string content, MessageId carrier, bool authenticated) {
  struct Taken {
    Reports reports;
    std::vector<std::string> kept;
  };
  const WallTime now = clock_.wall_now();
  const auto taken = co_await on(pool_, [&]() -> Result<Taken> {
    Taken out{.reports = read_reports(content), .kept = {}};
    for (const Report& report : out.reports.found) {
      const ReceivedReport row = received(report, carrier.to_string(), now, authenticated);
      const Result<void> kept = reports_.keep(row);
      if (kept) {
        out.kept.push_back(concat(row.kind, ' ', row.domain));
      } else if (kept.error().code != Errc::already_exists) {
        out.reports.problems.push_back(describe(kept.error()));
      }
    }
    return out;
  });
  if (!taken) {
    log::warning("feedback.not_read",
                 {{"id", carrier.to_string()}, {"error", describe(taken.error())}});
    co_return;
  }
  for (const std::string& kept : taken->kept) {
    log::info("feedback.received", {{"id", carrier.to_string()},
                                    {"report", kept},
                                    {"authenticated", authenticated ? "yes" : "no"}});
  }
  for (const std::string& problem : taken->reports.problems) {
    log::info("feedback.unreadable", {{"id", carrier.to_string()}, {"error", problem}});
  }
  for (const Report& report : taken->reports.found) {
    if (const auto* complaint = std::get_if<dsn::FeedbackReport>(&report)) {
      co_await complain(*complaint, carrier, authenticated);
    }
  }
}

Task<void> Intake::complain(const dsn::FeedbackReport& report, MessageId carrier,
                            bool authenticated) {
  const std::optional<MessageId> about = message_complained_of(report.original_header);
  if (!about) co_return;
  record::Event event;
  event.message = *about;
  event.kind = record::EventKind::complained;
  event.at = clock_.wall_now();
  if (!report.original_recipients.empty()) {
    event.recipient = without_brackets(report.original_recipients.front()).substr(0, 320);
  }
  event.facts = {{"feedback_type", report.feedback_type.substr(0, 64)},
                 {"reporter", report.user_agent.substr(0, 255)},
                 {"report", carrier.to_string()},
                 {"authenticated", authenticated ? "yes" : "no"}};
  const Result<void> told = co_await store_.complain(std::move(event));
  if (!told && told.error().code != Errc::not_found) {
    log::warning("feedback.complaint_lost",
                 {{"id", about->to_string()}, {"error", describe(told.error())}});
  }
}

}  // namespace mail::feedback
