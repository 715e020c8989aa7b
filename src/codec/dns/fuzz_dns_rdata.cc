// RDATA that parses is written again as the same octets, and a name's text is read as the same
// name.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/dns/name.h"
#include "codec/dns/rdata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::dns;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto address = parse_a(bytes)) MAIL_ASSERT(encode_address(*address) == bytes);
  if (const auto address = parse_aaaa(bytes)) {
    MAIL_ASSERT(address->is_v4() || encode_address(*address) == bytes);
    MAIL_ASSERT(is_host_name(reverse_name(*address)));
  }
  if (const auto mx = parse_mx(bytes)) MAIL_ASSERT(encode_mx(*mx) == bytes);
  if (const auto tlsa = parse_tlsa(bytes)) MAIL_ASSERT(encode_tlsa(*tlsa) == bytes);
  if (const auto text = parse_txt(bytes)) MAIL_ASSERT(parse_txt(encode_txt(*text)) == *text);
  if (const auto name = parse_name_rdata(bytes)) {
    MAIL_ASSERT(to_wire(*name) == bytes);
    for (const char c : *name) MAIL_ASSERT(c > ' ' && c <= '~');
  }
  if (const auto name = normalize_name(bytes)) {
    MAIL_ASSERT(normalize_name(*name) == *name);
    MAIL_ASSERT(to_wire(*name)->size() <= kMaxWireName);
  }
  if (is_host_name(bytes)) MAIL_ASSERT(normalize_name(bytes).has_value());
  return 0;
}
