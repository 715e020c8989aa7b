#include "service/neighbours/clamd_judge.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "codec/clamd/clamd.h"
#include "service/neighbours/scan.h"

namespace mail {
namespace {

class ClamdScan final : public Scan {
 public:
  using Scan::Scan;

 private:
  void append_begin(std::string& out) const override { clamd::append_start(out); }
  void append_piece(std::string& out, std::string_view piece) const override {
    clamd::append_piece(out, piece);
  }
  void append_end(std::string& out) const override { clamd::append_end(out); }

  Result<bool> consume(std::string_view bytes) override {
    answer_.append(bytes);
    MAIL_TRY(const auto answer, clamd::parse_answer(answer_));
    return answer.has_value();
  }

  Result<Verdict> conclude(Draft&) override {
    MAIL_TRY(const auto answer, clamd::parse_answer(answer_));
    MAIL_ASSERT(answer.has_value());
    if (answer->found.empty()) return Accept{};
    return Reject{concat(name(), " found ", answer->found), concat("Virus found: ", answer->found)};
  }

  void forget() override { answer_.clear(); }

  std::string answer_;
};

}  // namespace

std::unique_ptr<Hearing> ClamdJudge::open(const Case& of) {
  if (!neighbour_.hears(of.listener)) return nullptr;
  return std::make_unique<ClamdScan>(neighbour_);
}

}  // namespace mail
