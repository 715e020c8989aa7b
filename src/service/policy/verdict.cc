#include "service/policy/verdict.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace mail {
namespace {

// What the judges asked so far have said together.
class Sum {
 public:
  // Whether the next judge is still to be asked.
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

Task<Verdict> Judge::sender(const smtp::Client&, const ReversePath&) { co_return Accept{}; }
Task<Verdict> Judge::recipient(const smtp::Client&, const smtp::Transaction&, const Mailbox&) {
  co_return Accept{};
}
Task<Verdict> Judge::message(const smtp::Client&, Draft&) { co_return Accept{}; }

Task<Verdict> JudgeChain::sender(const smtp::Client& client, const ReversePath& path) {
  Sum sum;
  for (Judge* judge : judges_) {
    if (!sum.add(co_await judge->sender(client, path))) break;
  }
  co_return sum.take();
}

Task<Verdict> JudgeChain::recipient(const smtp::Client& client,
                                    const smtp::Transaction& transaction,
                                    const Mailbox& recipient) {
  Sum sum;
  for (Judge* judge : judges_) {
    if (!sum.add(co_await judge->recipient(client, transaction, recipient))) break;
  }
  co_return sum.take();
}

Task<Verdict> JudgeChain::judge(const smtp::Client& client, Draft& draft) {
  Sum sum;
  for (Judge* judge : judges_) {
    if (!sum.add(co_await judge->message(client, draft))) break;
  }
  co_return sum.take();
}

}  // namespace mail
