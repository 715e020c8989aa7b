#include "service/policy/verdict.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace mail {
namespace {

// What the hearings asked so far have said together.
class Sum {
 public:
  // Whether the next one is still to be asked.
  bool add(Verdict verdict) {
    if (Accept* accept = std::get_if<Accept>(&verdict)) {
      accepted_.added_fields.append(accept->added_fields);
      std::ranges::move(accept->tags, std::back_inserter(accepted_.tags));
      if (!accept->folder.empty()) accepted_.folder = std::move(accept->folder);
      return true;
    }
    if (Hold* hold = std::get_if<Hold>(&verdict)) {
      if (!hold_) hold_ = std::move(*hold);  // the first reason counts
      return true;
    }
    final_ = std::move(verdict);
    return false;
  }
  Verdict take() {
    if (final_) return std::move(*final_);
    if (hold_) return std::move(*hold_);
    return std::move(accepted_);
  }

 private:
  Accept accepted_;
  std::optional<Hold> hold_;
  std::optional<Verdict> final_;
};

}  // namespace

RefusalWords words_of(const Verdict& verdict, std::string_view trace, std::string_view catalogue) {
  const auto* reject = std::get_if<Reject>(&verdict);
  const auto* defer = std::get_if<Defer>(&verdict);
  MAIL_ASSERT(reject != nullptr || defer != nullptr);
  RefusalWords out;
  out.permanent = reject != nullptr;
  out.reason = out.permanent ? reject->reason : defer->reason;
  std::string_view status = out.permanent ? reject->status : defer->status;
  std::string_view text = out.permanent ? reject->reply : defer->reply;
  if (text.empty()) {
    if (!out.permanent) catalogue = smtp::kTryLater.text;
    constexpr std::size_t kCode = 4;            // "550 "
    constexpr std::size_t kStatus = kCode + 6;  // "550 5.7.1 "
    status = catalogue.substr(kCode, kStatus - kCode - 1);
    text = catalogue.substr(kStatus);
  }
  out.words = smtp::policy_words(status, text, trace);
  return out;
}

double Evidence::score() const {
  double sum = 0;
  for (const Signal& signal : signals) sum += signal.weight;
  return sum;
}

static_assert(std::is_same_v<std::variant_alternative_t<0, Verdict>, Accept>);  // ended() accepts
Task<Verdict> Hearing::sender(const ReversePath&) { return Task<Verdict>::ended(); }
Task<Verdict> Hearing::recipient(const Mailbox&) { return Task<Verdict>::ended(); }
Task<void> Hearing::header(std::string_view) { return Task<void>::ended(); }
Task<void> Hearing::body(std::string_view) { return Task<void>::ended(); }
Task<Verdict> Hearing::message(Draft&) { return Task<Verdict>::ended(); }
void Hearing::end_transaction() {}

Trial::Trial(const std::vector<Judge*>& judges, const smtp::SmtpListener& listener,
             const smtp::Client& client, const smtp::Transaction& transaction)
    : case_{listener, client, transaction, evidence_} {
  for (Judge* judge : judges) {
    auto hearing = judge->open(case_);
    if (hearing == nullptr) continue;
    hears_envelope_ = hears_envelope_ || hearing->hears_envelope();
    hearings_.push_back(std::move(hearing));
  }
  signals_of_connection_ = evidence_.signals.size();
}

Task<Verdict> Trial::sender(const ReversePath& path) {
  Sum sum;
  for (const auto& hearing : hearings_) {
    if (!sum.add(co_await hearing->sender(path))) break;
  }
  co_return sum.take();
}

Task<Verdict> Trial::recipient(const Mailbox& recipient) {
  Sum sum;
  for (const auto& hearing : hearings_) {
    if (!sum.add(co_await hearing->recipient(recipient))) break;
  }
  co_return sum.take();
}

Task<void> Trial::header(std::string_view block) {
  for (const auto& hearing : hearings_) co_await hearing->header(block);
}

Task<void> Trial::body(std::string_view piece) {
  for (const auto& hearing : hearings_) co_await hearing->body(piece);
}

Task<Verdict> Trial::message(Draft& draft) {
  Sum sum;
  for (const auto& hearing : hearings_) {
    if (!sum.add(co_await hearing->message(draft))) break;
  }
  co_return sum.take();
}

void Trial::end_transaction() {
  for (const auto& hearing : hearings_) hearing->end_transaction();
  evidence_.signals.resize(signals_of_connection_);
  evidence_.findings.reset();
}

}  // namespace mail
