// How our client logs in to a next hop: the strongest mechanism that both sides know.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "codec/sasl/client.h"

namespace mail {

// `offered`: the words of EHLO's AUTH line, in any case and order. With a password SCRAM-SHA-256,
// PLAIN, LOGIN, in this order; with a token OAUTHBEARER, XOAUTH2. `encrypted`: whether TLS is on.
// Without it CRAM-MD5 comes before PLAIN, for it does not show the password to who listens; under
// TLS it comes last: it proves no more than PLAIN, but needs servers that keep what is as good as
// the password. not_found, with a sentence for the operator, where none fits. SCRAM's second step
// takes some milliseconds (at most 0.1 s, if the server wants many iterations).
Result<std::unique_ptr<sasl::ClientMechanism>> choose_client_mechanism(
    sasl::ClientCredentials credentials, std::span<const std::string_view> offered, bool encrypted);

}  // namespace mail
