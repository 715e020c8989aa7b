// What the judges of single records share: domain_survey.cc has those of the host and its names,
// survey_policies.cc those of what a domain says about its mail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/ip_address.h"
#include "daemon/ctl/domain_survey.h"
#include "service/signing/rotation.h"

namespace mail::ctl {

struct Asked {
  std::string name;
  dns::Type type = dns::Type::txt;
  dns::Answer answer{};
};
Task<void> ask_into(const SurveyWorld& world, Asked& asked);

inline bool failed(const dns::Answer& answer) { return answer.kind == dns::Answer::Kind::failed; }

// A row that the DNS has something to say of: its verdict is for the judge of its kind.
RecordRow row_of(std::string_view what, const Asked& asked, std::string_view type,
                 std::string publish);

// `mechanism` is what names this server: "mx", "a".
Task<RecordRow> judge_spf(const SurveyWorld& world, const Asked& txt, std::string_view what,
                          std::string_view mechanism, std::vector<IpAddress> ours);
RecordRow judge_key(const signing::SeenKey& seen);
// `above`: the same question about the domains above, nearest first.
RecordRow judge_dmarc(const Asked& txt, const std::string& domain, const std::vector<Asked>& above);
RecordRow judge_sts(const Asked& txt, const SurveyWorld& world, const std::string& domain);
RecordRow judge_tls_reports(const Asked& txt, const std::string& domain);
RecordRow judge_srv(const Asked& srv, const SubmissionPort& port, const std::string& hostname);

}  // namespace mail::ctl
