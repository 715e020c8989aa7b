// Which hosts take the mail of a domain, in the order to be tried (RFC 5321 §5.1, RFC 7505, RFC
// 8305 for the order of addresses). Only a DNS answer that is known makes a permanent refusal: what
// failed, timed out or did not validate is temporary and never bounces (security.md 33). Any thread
// that serves an executor.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"

namespace mail::mx {

inline constexpr std::size_t kMaxMxRecords = 100;  // beyond, the least preferred are dropped
inline constexpr std::size_t kMaxHosts = 20;
inline constexpr std::size_t kMaxAddresses = 20;  // of one host

struct MxHost {
  std::string name;                  // lower case, no final dot; of a literal: "[192.0.2.1]"
  std::uint16_t preference = 0;      // 0 for an implicit MX and for a literal
  std::vector<IpAddress> addresses;  // in the order to be tried: IPv6 and IPv4 alternate; not empty
  bool secure = false;               // the MX RRset and all address answers were DNSSEC-valid
};

struct MxAnswer {
  enum class Kind : std::uint8_t {
    found,      // `hosts` is not empty
    permanent,  // no try will help: `enhanced` is 5.y.z
    temporary,  // later it may: `enhanced` is 4.y.z
  };
  Kind kind = Kind::temporary;
  std::vector<MxHost> hosts;    // in the order to be tried
  std::string enhanced;         // "5.1.10"; empty when found
  std::string why;              // a sentence for bounce and queue; empty when found
  std::chrono::seconds ttl{0};  // ask again after it
  bool secure = false;          // the MX RRset, or the proof that there is none, was DNSSEC-valid
};

// Who we are and whom we do not talk to.
struct MxWorld {
  std::vector<std::string> own_names;    // without final dot; any case
  std::vector<IpAddress> own_addresses;  // that we listen on; wildcards are not addresses
  bool allow_private = false;            // security.md 34
};

// `domain` may be a name or an address literal (RFC 5321 §4.1.3). `world` and the interfaces must
// outlive the task.
Task<MxAnswer> find_hosts(dns::Resolver& resolver, Domain domain, MonoTime deadline, Random& random,
                          const MxWorld& world);

// The same for a host given by name, as the routes of the configuration do: no MX look-up, no loop
// check, private addresses allowed. `found` has one host.
Task<MxAnswer> find_host(dns::Resolver& resolver, std::string host, MonoTime deadline);

// Domains with equal keys share connections and limits (design §5): the sorted host names, joined
// by commas. Empty when nothing was found.
std::string site_key(const MxAnswer& answer);

// Loopback, RFC 1918, link-local, unique local, carrier-grade NAT, multicast, unspecified: where no
// host of the public internet takes mail.
bool is_private(const IpAddress& address);

}  // namespace mail::mx
