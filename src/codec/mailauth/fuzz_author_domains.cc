// Whatever stands in From: the answer is one of four kinds, its domains are in the one form, and
// written anew they are read as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/mailauth/findings.h"
#include "codec/mailauth/toy_idn.h"

using mail::idn::toy::kToyIdn;
using mail::mailauth::author_domains;
using mail::mailauth::AuthorDomains;
using Kind = AuthorDomains::Kind;

namespace {

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
  check(author_domains(text, &kToyIdn));
  check(author_domains(text, nullptr));
  check(author_domains(mail::concat("From: ", text, "\r\n"), &kToyIdn));
  return 0;
}
