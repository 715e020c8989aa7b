// A message, behind a line with the TXT record that every question gets. Verified as it is, then
// signed by us: that passes, whatever the message is, unless a stranger's fields stand above.
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
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/toy_crypto.h"
#include "codec/mailauth/toy_idn.h"
#include "codec/message/header_block.h"

namespace dkim = mail::dkim;
namespace dns = mail::dns;
using mail::crypto::toy::kToyCrypto;
using mail::idn::toy::kToyIdn;

namespace {

constexpr mail::WallTime kNow{std::chrono::seconds(1'790'000'000)};

dkim::Outcome verify(std::string_view header, std::string_view body, std::string_view record) {
  dkim::Verifier verifier(header, kNow, kToyCrypto, &kToyIdn);
  std::vector<dns::Answer> answers;
  for (const dkim::Question& question : verifier.questions()) {
    MAIL_ASSERT(dns::to_wire(question.name).has_value());
    dns::Answer answer;
    answer.kind = dns::Answer::Kind::found;
    answer.records = {dns::encode_txt(record)};
    answers.push_back(std::move(answer));
  }
  MAIL_ASSERT(answers.size() <= dkim::kMaxSignatures);
  if (!answers.empty()) verifier.answer(std::move(answers));
  verifier.body(body.substr(0, body.size() / 2));
  verifier.body(body.substr(body.size() / 2));
  verifier.end();
  return verifier.outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view record = text.substr(0, line);
  const std::string_view message = text.substr(std::min(line + 1, text.size()));
  const std::size_t header_size = mail::message::header_block_size(message);
  const std::string_view header = message.substr(0, header_size);
  const std::string_view body = message.substr(header_size);
  const dkim::Outcome outcome = verify(header, body, record);
  for (const dkim::SignatureResult& result : outcome.signatures) {
    MAIL_ASSERT(result.verdict != dkim::Verdict::none);
    MAIL_ASSERT((result.verdict == dkim::Verdict::pass) == result.reason.empty());
  }
  dkim::BodyHasher hasher(kToyCrypto);
  hasher.update(body);
  const dkim::SigningKey key{"example.com", "s",
                             mail::crypto::toy::make_key(mail::crypto::KeyKind::rsa, "2048 x")};
  const auto field = dkim::sign(header, hasher.finish(), key, kNow, kToyCrypto);
  MAIL_ASSERT(field.has_value());
  const dkim::Outcome ours =
      verify(*field + std::string(header), body, "p=" + mail::base64_encode("2048 x"));
  MAIL_ASSERT(!ours.signatures.empty());
  MAIL_ASSERT(ours.signatures[0].verdict == dkim::Verdict::pass);
  return 0;
}
