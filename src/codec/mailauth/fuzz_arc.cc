// A message, behind a line with the TXT record that every question gets. A chain that we seal is
// one set longer, and passes where it passed before.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/toy_crypto.h"
#include "codec/mailauth/toy_idn.h"
#include "codec/message/header_block.h"

namespace arc = mail::arc;
namespace dkim = mail::dkim;
namespace dns = mail::dns;
using mail::crypto::toy::kToyCrypto;
using mail::idn::toy::kToyIdn;

namespace {

constexpr mail::WallTime kNow{std::chrono::seconds(1'790'000'000)};

arc::Outcome verify(std::string_view header, std::string_view body, std::string_view record) {
  arc::Verifier verifier(header, kNow, kToyCrypto, &kToyIdn);
  std::vector<dns::Answer> answers;
  for (const arc::Question& question : verifier.questions()) {
    MAIL_ASSERT(dns::to_wire(question.name).has_value());
    dns::Answer answer;
    answer.kind = dns::Answer::Kind::found;
    answer.records = {dns::encode_txt(record)};
    answers.push_back(std::move(answer));
  }
  MAIL_ASSERT(answers.size() <= 30);
  if (!answers.empty()) verifier.answer(std::move(answers));
  verifier.body(body);
  verifier.end();
  return verifier.outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view message = text.substr(std::min(line + 1, text.size()));
  const std::size_t header_size = mail::message::header_block_size(message);
  const std::string_view header = message.substr(0, header_size);
  const std::string_view body = message.substr(header_size);
  const std::string record = "p=" + mail::base64_encode("2048 x");
  verify(header, body, text.substr(0, line));
  const arc::Outcome outcome = verify(header, body, record);
  MAIL_ASSERT(outcome.instances <= arc::kMaxSets);
  MAIL_ASSERT(outcome.sets.empty() == (outcome.verdict != arc::Verdict::pass));
  dkim::BodyHasher hasher(kToyCrypto);
  hasher.update(body);
  const dkim::SigningKey key{"example.com", "s",
                             mail::crypto::toy::make_key(mail::crypto::KeyKind::rsa, "2048 x")};
  const auto set =
      arc::seal(header, hasher.finish(), outcome, "mx.example; none", key, kNow, kToyCrypto);
  MAIL_ASSERT(set.has_value() == outcome.may_be_sealed);
  if (!set) return 0;
  const arc::Outcome after = verify(*set + std::string(header), body, record);
  const bool good = outcome.verdict == arc::Verdict::pass || outcome.verdict == arc::Verdict::none;
  MAIL_ASSERT((after.verdict == arc::Verdict::pass) == good);
  MAIL_ASSERT(good ? after.instances == outcome.instances + 1
                   : after.verdict == arc::Verdict::fail);
  return 0;
}
