// What SPF, DKIM, ARC and DMARC say of one message together, and its author domains. Pure.
#pragma once

#include <boost/container/small_vector.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/idn.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/dmarc.h"
#include "codec/mailauth/spf.h"

namespace mail::mailauth {

// The one answer to "which domain is the From" (security.md 19): the distinct domains of all
// mailboxes of all From fields, lower case, A-labels or address literals, in their order. Nothing
// is guessed: where one field has syntax that readers may take in two ways, there is no author
// domain.
struct AuthorDomains {
  enum class Kind : std::uint8_t {
    none,  // no From, an empty group, nothing that can be read
    one,
    several,
    too_many,  // over kMaxAuthorDomains, or more mailboxes than anybody writes
  };
  Kind kind = Kind::none;
  std::size_t from_fields = 0;
  using Domains = boost::container::small_vector<std::string, 1>;  // nearly always one
  Domains domains;                                                 // empty for none and too_many
};
inline constexpr std::size_t kMaxAuthorDomains = 5;
AuthorDomains author_domains(std::string_view header_block, const Idn* idn);

struct Findings {
  spf::Outcome spf;       // of MAIL FROM, or of HELO where that is null
  spf::Outcome spf_helo;  // of HELO; a signal, no more
  dkim::Outcome dkim;
  arc::Outcome arc;
  AuthorDomains authors;
  std::vector<dmarc::Outcome> dmarc;  // one per author domain

  // All of them together: pass only if all pass; of those that fail the strictest (security.md §3).
  // Nothing where there is no author domain.
  const dmarc::Outcome* dmarc_decisive() const;
};

struct Envelope {
  std::string helo;
  std::string mail_from;  // as given, "" for the null path
  std::string client{};   // the address of the client, for arc's smtp.remote-ip; may be empty
};
// For our Authentication-Results field: spf, dkim (each), dmarc, arc, in this order. One dmarc,
// whichever decides, so that nobody finds a pass beside a failure.
authres::AuthenticationResults describe(const Findings& findings, const Envelope& envelope,
                                        std::string_view authserv_id);

}  // namespace mail::mailauth
