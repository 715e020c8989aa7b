// DNS lists of addresses and of domain names (RFC 5782): the names that are asked and what their
// answers mean. Pure.
#pragma once

#include <string>
#include <string_view>

#include "codec/address/ip_address.h"
#include "service/door/door_settings.h"

namespace mail::door {

// How the signals of lists are named: with the zone behind it.
inline constexpr std::string_view kBlocklisted = "blocklist ";
inline constexpr std::string_view kAllowlisted = "allowlist ";

// "2.0.0.127.zone", with IPv6 nibbles (RFC 5782 §2.1, §2.4).
std::string list_name(const IpAddress& client, std::string_view zone);
std::string list_name(std::string_view domain, std::string_view zone);  // RFC 5782 §2.2
// What no list that is alive has (RFC 5782 §5): by the family of `client`, and of domains.
std::string never_listed_name(const IpAddress& client, std::string_view zone);
std::string never_listed_name(std::string_view zone);

// What every list that is alive has.
std::string test_entry_name(const List& list);

// Whether an A record of the list says that what was asked for is on it.
bool counts(const List& list, const IpAddress& answer);

// The list's reply with the client's address, and the name listed, in it; a plain one where it has
// none.
std::string reply_of(const List& list, const IpAddress& client, std::string_view domain = {});

}  // namespace mail::door
