// Whatever stands in From: the answer is one of four kinds, its domains are in the one form, and
// written anew they are read as the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/mailauth/findings.h"

using mail::mailauth::author_domains;
using mail::mailauth::AuthorDomains;
using Kind = AuthorDomains::Kind;

namespace {

// Not IDNA, but of the same shape: octets beyond ASCII become 'u'.
mail::Result<std::string> to_ascii(std::string_view domain) {
  std::string out(domain);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) > 127; }, 'u');
  return out;
}
constexpr mail::Idn kIdn{&to_ascii, nullptr};

void check(const AuthorDomains& found) {
  MAIL_ASSERT((found.kind == Kind::one) == (found.domains.size() == 1));
  MAIL_ASSERT((found.kind == Kind::several) == (found.domains.size() > 1));
  MAIL_ASSERT(found.domains.size() <= mail::mailauth::kMaxAuthorDomains);
  std::string from = "From: ";
  for (const std::string& domain : found.domains) {
    MAIL_ASSERT(domain.starts_with('[') ||
                (mail::dns::is_host_name(domain) && mail::to_lower(domain) == domain));
    mail::append(from, "x@", domain, ", ");
  }
  const AuthorDomains again = author_domains(from + "\r\n", nullptr);
  MAIL_ASSERT(again.domains == found.domains);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(author_domains(text, &kIdn));
  check(author_domains(text, nullptr));
  check(author_domains(mail::concat("From: ", text, "\r\n"), &kIdn));
  return 0;
}
