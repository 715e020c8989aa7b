// The Authentication-Results field (RFC 8601): written by us, read from those we trust, and taken
// out where it claims to be ours.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/idn.h"
#include "base/result.h"

namespace mail::authres {

inline constexpr std::string_view kFieldName = "Authentication-Results";
inline constexpr std::uint64_t kVersion = 1;  // RFC 8601 §2.2

// "smtp.mailfrom=jane@example.com". The type is empty in what some write: "action=none".
struct Property {
  std::string type;
  std::string name;
  std::string value;  // an address keeps the quotes of its local part
  bool operator==(const Property&) const = default;
};

struct MethodResult {
  std::string method;  // "spf"
  std::string result;  // "pass"
  std::string reason{};
  std::vector<Property> properties{};
  bool operator==(const MethodResult&) const = default;
};

struct AuthenticationResults {
  std::string authserv_id;
  std::vector<MethodResult> results;  // empty: "none"
  bool operator==(const AuthenticationResults&) const = default;
};

// The whole field, folded before 78 columns where it can be, ending in CRLF. Values may be
// anybody's words: they are quoted where they must, controls and broken UTF-8 become '?', and each
// is cut at 320 octets, so that no line comes near 998. Other octets than those of keywords become
// '-' in methods, results and names.
void append_authentication_results(std::string& out, const AuthenticationResults& results);

// What stands behind the colon, folded or not; keywords come out in lower case, comments are
// dropped. Values are read generously: unquoted ones may have all but blanks, ';', '"' and
// parentheses. Fails with bad_syntax, also on a version that is not ours (RFC 8601 §5).
Result<AuthenticationResults> parse_authentication_results(std::string_view value);

// Takes every field that says `authserv_id`, in whatever spelling, out of
// content[begin..header end), and those that say nothing that can be read or another version, for
// nobody can tell what their readers make of them (RFC 8601 §5). Domains are compared in A-labels,
// for which `idn` is needed where U-labels may come. Returns how many octets went.
std::size_t remove_forged_results(std::string& content, std::size_t begin,
                                  std::string_view authserv_id, const Idn* idn = nullptr);

}  // namespace mail::authres
