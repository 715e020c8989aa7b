// The first line is the author domain, the second what authenticated, the others are the records
// found, in turn ("!" fails). The walk keeps to its limit, and nothing passes without a record.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/dmarc.h"
#include "codec/mailauth/dmarc_record.h"

namespace dns = mail::dns;
namespace dmarc = mail::dmarc;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string_view> lines = mail::split(text, '\n');
  for (const std::string_view line : lines) {
    const auto record = dmarc::parse_record(line);
    MAIL_ASSERT(record.has_value() == dmarc::is_record(line));
    if (record) MAIL_ASSERT(record->aggregate_uris.size() <= 16);
  }
  dmarc::Subject subject;
  subject.author_domain = lines[0];
  subject.dkim_domains = {std::string(lines[1 % lines.size()])};
  dmarc::Evaluator check(std::move(subject));
  std::size_t asked = 0;
  while (!check.questions().empty()) {
    std::vector<dns::Answer> answers;
    for (const dmarc::Question& question : check.questions()) {
      MAIL_ASSERT(dns::to_wire(question.name).has_value());
      const std::string_view line = lines[(2 + asked++) % lines.size()];
      dns::Answer answer;
      if (line != "!") {
        answer.kind = dns::Answer::Kind::found;
        answer.records = {dns::encode_txt(line)};
      }
      answers.push_back(std::move(answer));
    }
    MAIL_ASSERT(asked <= 8 + 8 + 1);  // two walks, and whether the author domain exists
    check.answer(std::move(answers));
  }
  const dmarc::Outcome& outcome = check.outcome();
  if (outcome.verdict == dmarc::Verdict::pass) {
    MAIL_ASSERT(!outcome.record_domain.empty() && !outcome.aligned_dkim.empty());
  }
  return 0;
}
