#include "service/door/authentication.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/authentication_results.h"
#include "service/policy/header_change.h"

namespace mail::door {
namespace {

constexpr double kSpfFail = 2;
constexpr double kSpfSoftfail = 1;
constexpr double kSpfBroken = 0.5;
constexpr double kNoAuthor = 2;

class AuthenticationHearing final : public Hearing {
 public:
  AuthenticationHearing(const Tools& tools, const Case& of, bool examines)
      : tools_(tools), case_(of), examines_(examines) {}

  Task<Verdict> sender(const ReversePath& path) override {
    if (examines_) examine(path);
    co_return Accept{};
  }
  Task<void> header(std::string_view block) override {
    if (examiner_) examiner_->header(block);
    co_return;
  }
  Task<void> body(std::string_view piece) override {
    if (examiner_) examiner_->body(piece);
    co_return;
  }
  Task<Verdict> message(Draft& draft) override {
    const std::string& ours = case_.listener.hostname;
    count_removed(draft,
                  authres::remove_forged_results(draft.content, 0, ours, tools_.examiner.idn));
    if (!examiner_) co_return Accept{};
    const MonoTime deadline = tools_.clock().mono_now() + kReplyPatience;
    auto findings =
        std::make_shared<const mailauth::Findings>(co_await examiner_->finish(deadline));
    examiner_.reset();
    std::string field;
    authres::append_authentication_results(
        field, mailauth::describe(*findings, {case_.client.helo, draft.reverse_path}, ours));
    prepend_fields(draft, field);
    std::ranges::move(facts_of(*findings), std::back_inserter(draft.events.front().facts));
    std::ranges::move(signals_of(*findings), std::back_inserter(case_.evidence.signals));
    case_.evidence.findings = std::move(findings);
    co_return Accept{};
  }
  void end_transaction() override { examiner_.reset(); }

 private:
  void examine(const ReversePath& path) {
    ExaminerTools tools = tools_.examiner;
    tools.receiver = case_.listener.hostname;
    examiner_.emplace(tools, case_.client.peer.address, case_.client.helo, path);
  }

  const Tools& tools_;
  const Case& case_;
  const bool examines_;
  std::optional<Examiner> examiner_;
};

std::string dkim_fact(const dkim::Outcome& outcome) {
  if (outcome.signatures.empty()) return "none";
  std::string out;
  for (const dkim::SignatureResult& each : outcome.signatures) {
    if (!out.empty()) out += "; ";
    append(out, dkim::to_string(each.verdict), " d=", each.domain, " s=", each.selector);
  }
  return out;
}

}  // namespace

std::unique_ptr<Hearing> Authentication::open(const Case& of) {
  if (of.listener.role != smtp::Role::mx) return nullptr;
  return std::make_unique<AuthenticationHearing>(tools_, of, is_judged(of, *tools_.settings.get()));
}

std::vector<record::Fact> facts_of(const mailauth::Findings& findings) {
  const auto with = [](std::string_view verdict, std::string_view domain) {
    return domain.empty() ? std::string(verdict) : concat(verdict, ' ', domain);
  };
  std::vector<record::Fact> facts;
  facts.push_back({"spf", with(spf::to_string(findings.spf.verdict), findings.spf.domain)});
  facts.push_back({"dkim", dkim_fact(findings.dkim)});
  if (const dmarc::Outcome* dmarc = findings.dmarc_decisive()) {
    std::string said = with(dmarc::to_string(dmarc->verdict), dmarc->domain);
    if (!dmarc->record_domain.empty()) append(said, " p=", dmarc::to_string(dmarc->policy));
    facts.push_back({"dmarc", std::move(said)});
  } else {
    facts.push_back({"dmarc", "none"});
  }
  facts.push_back({"arc", std::string(arc::to_string(findings.arc.verdict))});
  return facts;
}

std::vector<Signal> signals_of(const mailauth::Findings& findings) {
  std::vector<Signal> out;
  const std::string& domain = findings.spf.domain;
  switch (findings.spf.verdict) {
    case spf::Verdict::fail:
      out.push_back({"spf fail", kSpfFail,
                     concat("By the SPF record of ", domain, " your address may not send for it")});
      break;
    case spf::Verdict::softfail:
      out.push_back({"spf softfail", kSpfSoftfail,
                     concat("By the SPF record of ", domain, " your address probably is not its")});
      break;
    case spf::Verdict::permerror:
      out.push_back(
          {"spf permerror", kSpfBroken, concat("The SPF record of ", domain, " can not be read")});
      break;
    default:
      break;
  }
  using Kind = mailauth::AuthorDomains::Kind;
  if (findings.authors.kind == Kind::none || findings.authors.kind == Kind::too_many) {
    out.push_back({"no author", kNoAuthor, "The From field names nobody, or too many"});
  }
  return out;
}

}  // namespace mail::door
