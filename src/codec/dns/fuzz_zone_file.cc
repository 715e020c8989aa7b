// A zone that is read answers for each word in it, in bounded time, and what it answers has the
// form of its type.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/dns/zone_file.h"

namespace {

using mail::dns::Answer;
using mail::dns::Type;

void check_form(Type type, const Answer& answer) {
  for (const auto& rdata : answer.records) {
    if (type == Type::txt) MAIL_ASSERT(mail::dns::parse_txt(rdata).has_value());
    if (type == Type::mx) MAIL_ASSERT(mail::dns::parse_mx(rdata).has_value());
    if (type == Type::a) MAIL_ASSERT(mail::dns::parse_a(rdata).has_value());
    if (type == Type::aaaa) MAIL_ASSERT(mail::dns::parse_aaaa(rdata).has_value());
    if (type == Type::ptr) MAIL_ASSERT(mail::dns::parse_name_rdata(rdata).has_value());
    if (type == Type::tlsa) MAIL_ASSERT(mail::dns::parse_tlsa(rdata).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto zone = mail::dns::Zone::parse(text);
  if (!zone) {
    MAIL_ASSERT(zone.error().detail.starts_with("line "));
    for (const char c : zone.error().detail) MAIL_ASSERT(c >= ' ' && c <= '~');
    return 0;
  }
  std::size_t words = 0;
  for (const std::string_view word : mail::split(text.substr(0, 4096), ' ')) {
    if (++words > 50) break;
    for (const Type type : {Type::a, Type::aaaa, Type::mx, Type::txt, Type::ptr, Type::tlsa}) {
      const Answer answer = zone->look_up(word, type);
      MAIL_ASSERT((answer.kind == Answer::Kind::found) == !answer.records.empty());
      MAIL_ASSERT((answer.kind == Answer::Kind::failed) == !answer.why.empty());
      check_form(type, answer);
    }
  }
  return 0;
}
