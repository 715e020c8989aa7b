// The first line is the record of the sender's domain, the others answer what else is asked, in
// turn: "a" with the client's address, "-" with nothing, "!" with failure, anything else as TXT
// (and as a host name). The check ends within the limits of RFC 7208 §4.6.4 whatever they say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/spf.h"
#include "codec/mailauth/spf_macro.h"
#include "codec/mailauth/spf_record.h"

namespace dns = mail::dns;
namespace spf = mail::spf;

namespace {

dns::Answer answer_with(std::string_view line, dns::Type type, const mail::IpAddress& client) {
  dns::Answer answer;
  answer.kind = dns::Answer::Kind::found;
  if (line == "!") answer.kind = dns::Answer::Kind::failed;
  if (line == "-") answer.kind = dns::Answer::Kind::no_name;
  if (answer.kind != dns::Answer::Kind::found) return answer;
  if (type == dns::Type::a || type == dns::Type::aaaa) {
    answer.records = {line == "a" ? mail::dns::encode_address(client) : std::string(line)};
  } else if (type == dns::Type::txt) {
    answer.records = {dns::encode_txt(line)};
  } else {
    for (const std::string_view name : mail::split(line, ' ')) {
      const std::string wire = dns::to_wire(name).value_or("junk");
      answer.records.push_back(type == dns::Type::ptr ? wire : mail::concat('\0', '\1', wire));
    }
  }
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string_view> lines = mail::split(text, '\n');
  const std::string_view helo = lines.back().substr(0, 300);
  const auto client = mail::IpAddress::parse(size % 2 == 0 ? "192.0.2.1" : "2001:db8::1").value();
  for (const auto context : {spf::MacroContext::domain_spec, spf::MacroContext::explanation}) {
    if (!spf::is_macro_string(lines[0], context)) continue;
    const spf::MacroValues values{.client = client,
                                  .local_part = helo,
                                  .sender_domain = "a.test",
                                  .domain = "a.test",
                                  .helo = helo,
                                  .validated = "",
                                  .receiver = "",
                                  .now = {}};
    const auto name = spf::expand_domain(lines[0], values);
    MAIL_ASSERT(!name || dns::normalize_name(*name) == *name);
  }

  spf::Evaluator check({.client = client,
                        .helo = std::string(helo),
                        .local_part = std::string(helo),
                        .domain = "a.test"});
  std::size_t asked = 0;
  for (std::size_t turn = 0; !check.questions().empty(); ++turn) {
    std::vector<dns::Answer> answers;
    for (const spf::Question& question : check.questions()) {
      MAIL_ASSERT(dns::to_wire(question.name).has_value());
      const std::string_view line = turn == 0 ? lines[0] : lines[asked % lines.size()];
      answers.push_back(answer_with(line, question.type, client));
      ++asked;
    }
    // The record, ten terms of one question and ten hosts each, the client's names, exp=.
    MAIL_ASSERT(asked <= 1 + 10 * 11 + 11 + 1);
    check.answer(std::move(answers));
  }
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  const spf::Outcome& outcome = check.outcome();
  for (const std::string* words : {&outcome.mechanism, &outcome.reason, &outcome.explanation}) {
    MAIL_ASSERT(std::ranges::all_of(*words, printable) && words->size() <= 1024);
  }
  return 0;
}
