#include "platform/idn/idn.h"

#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace mail::idn {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
template <typename Octet>
using Owned = std::unique_ptr<Octet, Free>;

// Far more than any name in an address may have: libidn2 is not to work for nothing.
constexpr std::size_t kMaxInput = 1024;

}  // namespace

Result<std::string> to_ascii(std::string_view domain) {
  if (domain.empty() || domain.size() > kMaxInput || domain.contains('\0')) {
    return fail(Errc::bad_syntax, "not a domain name");
  }
  char* out = nullptr;
  const int status = ::idn2_to_ascii_8z(std::string(domain).c_str(), &out, IDN2_NONTRANSITIONAL);
  const Owned<char> owned(out);
  if (status != IDN2_OK) return fail(Errc::bad_syntax, ::idn2_strerror(status));
  std::string ascii(out);
  // Not IDN2_USE_STD3_ASCII_RULES: it leaves out what it does not like, and says nothing.
  if (ascii.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") != std::string::npos) {
    return fail(Errc::bad_syntax, "a label has letters, digits and inner hyphens");
  }
  return ascii;
}

std::string to_unicode(std::string_view domain) {
  if (domain.size() > kMaxInput || domain.contains('\0')) return std::string(domain);
  char* out = nullptr;
  const int status = ::idn2_to_unicode_8z8z(std::string(domain).c_str(), &out, 0);
  const Owned<char> owned(out);
  return status == IDN2_OK ? std::string(out) : std::string(domain);
}

Result<std::string> fold(std::string_view local_part) {
  const auto* octets = reinterpret_cast<const std::uint8_t*>(local_part.data());
  if (::u8_check(octets, local_part.size()) != nullptr) return fail(Errc::bad_syntax, "not UTF-8");
  std::size_t size = 0;
  const Owned<std::uint8_t> folded(
      ::u8_tolower(octets, local_part.size(), nullptr, UNINORM_NFC, nullptr, &size));
  if (folded == nullptr) return fail(Errc::overloaded, "no memory");
  return std::string(reinterpret_cast<const char*>(folded.get()), size);
}

}  // namespace mail::idn
