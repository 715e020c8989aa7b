#include "service/mx/mx.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "service/mx/gather.h"

namespace mail::mx {
namespace {

using dns::Answer;
using Kind = MxAnswer::Kind;

// When a host could not be looked up, the hosts that could are used, but not for long.
constexpr std::chrono::seconds kPartialTtl{60};

struct Candidate {
  std::string name;
  std::uint16_t preference = 0;
  Answer a{};
  Answer aaaa{};
  std::vector<IpAddress> addresses{};
};

MxAnswer permanent(std::string_view enhanced, std::string why, const Answer& because) {
  MxAnswer answer;
  answer.kind = Kind::permanent;
  answer.enhanced = enhanced;
  answer.why = std::move(why);
  answer.ttl = because.ttl;
  answer.secure = because.secure;
  return answer;
}

MxAnswer temporary(std::string_view enhanced, std::string why) {
  MxAnswer answer;
  answer.enhanced = enhanced;
  answer.why = std::move(why);
  return answer;
}

// RFC 3463 §3.5 X.4.3, directory server failure. It never bounces (security.md 33).
MxAnswer dns_failed(std::string_view what, std::string_view name, const Answer& answer) {
  return temporary("4.4.3", answer.bogus ? concat("the DNS answer for ", what, " of ", name,
                                                  " does not pass DNSSEC validation: ", answer.why)
                                         : concat("the DNS did not tell ", what, " of ", name, ": ",
                                                  answer.why));
}

Task<void> ask_into(dns::Resolver& resolver, std::string name, dns::Type type, MonoTime deadline,
                    Answer& out) {
  out = co_await resolver.ask(std::move(name), type, deadline);
}

std::size_t below(Random& random, std::size_t bound) {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  random.fill(bytes);
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return static_cast<std::size_t>(number % bound);
}

void collect(const Answer& answer, Result<IpAddress> (*parse)(std::string_view),
             std::vector<IpAddress>& out) {
  if (answer.kind != Answer::Kind::found) return;
  for (const std::string& record : answer.records) {
    const Result<IpAddress> address = parse(record);
    if (address && std::ranges::find(out, *address) == out.end()) out.push_back(*address);
  }
}

// RFC 8305 §4: IPv6 first, then the families alternate; within one, as the resolver had them.
std::vector<IpAddress> interleaved(const Candidate& host) {
  std::vector<IpAddress> v6;
  std::vector<IpAddress> v4;
  collect(host.aaaa, dns::parse_aaaa, v6);
  collect(host.a, dns::parse_a, v4);
  std::vector<IpAddress> out;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) out.push_back(v6[i]);
    if (i < v4.size()) out.push_back(v4[i]);
  }
  if (out.size() > kMaxAddresses) out.resize(kMaxAddresses);
  return out;
}

// Addresses of all hosts at once, so that one slow name costs its own time only.
Task<void> look_up_addresses(dns::Resolver& resolver, std::vector<Candidate>& hosts,
                             MonoTime deadline) {
  Gather questions;
  for (Candidate& host : hosts) {
    questions.start(ask_into(resolver, host.name, dns::Type::aaaa, deadline, host.aaaa));
    questions.start(ask_into(resolver, host.name, dns::Type::a, deadline, host.a));
  }
  co_await questions.all();
  for (Candidate& host : hosts) host.addresses = interleaved(host);
}

bool lookup_failed(const Candidate& host) {
  return host.a.kind == Answer::Kind::failed || host.aaaa.kind == Answer::Kind::failed;
}

bool is_own_name(const MxWorld& world, std::string_view name) {
  return std::ranges::any_of(world.own_names,
                             [name](const std::string& own) { return iequals(own, name); });
}

bool is_own_address(const MxWorld& world, const Candidate& host) {
  return std::ranges::any_of(host.addresses, [&world](const IpAddress& address) {
    return std::ranges::find(world.own_addresses, address) != world.own_addresses.end();
  });
}

// The MX records of `answer`: best preference first, at random among equals (RFC 5321 §5.1: "the
// sender-SMTP MUST randomize them"). A host named twice stays where it is preferred most. Hosts
// whose name cannot be one are left out.
std::vector<Candidate> candidates_of(const Answer& answer, Random& random) {
  std::vector<Candidate> hosts;
  for (const std::string& record : answer.records) {
    const Result<dns::Mx> mx = dns::parse_mx(record);
    if (mx && dns::is_host_name(mx->host)) hosts.push_back({to_lower(mx->host), mx->preference});
  }
  for (std::size_t i = hosts.size(); i > 1; --i) std::swap(hosts[i - 1], hosts[below(random, i)]);
  std::ranges::sort(hosts, {}, &Candidate::preference);  // equals stay as random as they are now
  if (hosts.size() > kMaxMxRecords) hosts.resize(kMaxMxRecords);
  std::vector<Candidate> once;
  for (Candidate& host : hosts) {
    if (std::ranges::find(once, host.name, &Candidate::name) == once.end()) {
      once.push_back(std::move(host));
    }
  }
  return once;
}

// RFC 7505 §3: one record, preference 0 and the root as host. Other preferences mean it as well.
bool is_null_mx(const Answer& answer) {
  return std::ranges::all_of(answer.records, [](const std::string& record) {
    const Result<dns::Mx> mx = dns::parse_mx(record);
    return mx && mx->host == ".";
  });
}

// RFC 5321 §5.1: where we are in the list, we and "all records at that preference level and
// higher-numbered ones MUST be discarded from consideration".
template <typename IsUs>
void cut_at_us(std::vector<Candidate>& hosts, IsUs is_us) {
  std::optional<std::uint16_t> ours;  // the list is sorted: the first is the best
  for (const Candidate& host : hosts) {
    if (!ours && is_us(host)) ours = host.preference;
  }
  if (ours) std::erase_if(hosts, [&](const Candidate& host) { return host.preference >= *ours; });
}

MxAnswer loop(std::string_view domain, const Answer& mx) {
  return permanent("5.4.6",
                   concat("the DNS names this host as the mail server of ", domain,
                          ", which is neither a domain of ours nor has a route"),
                   mx);
}

// Takes out what security.md 34 does not let us talk to; says whether there was anything.
bool drop_private(std::vector<Candidate>& hosts) {
  std::size_t dropped = 0;
  for (Candidate& host : hosts) dropped += std::erase_if(host.addresses, is_private);
  return dropped > 0;
}

std::string names_of(const std::vector<Candidate>& hosts) {
  std::string names;
  for (const Candidate& host : hosts) append(names, names.empty() ? "" : ", ", host.name);
  return names;
}

MxAnswer found(std::vector<Candidate> hosts, const Answer& mx) {
  MxAnswer answer;
  answer.kind = Kind::found;
  answer.ttl = mx.ttl;
  answer.secure = mx.secure;
  for (Candidate& host : hosts) {
    for (const Answer* part : {&host.a, &host.aaaa}) {
      const bool failed = part->kind == Answer::Kind::failed;
      answer.ttl = std::min(answer.ttl, failed ? kPartialTtl : part->ttl);
    }
    if (host.addresses.empty()) continue;
    answer.hosts.push_back({std::move(host.name), host.preference, std::move(host.addresses),
                            mx.secure && host.a.secure && host.aaaa.secure});
  }
  return answer;
}

// RFC 3463 §3.5 X.4.4, unable to route; the queue gives it a day (security.md 34).
MxAnswer private_only(std::string_view domain, const std::vector<Candidate>& hosts) {
  return temporary("4.4.4", concat("the mail servers of ", domain, " (", names_of(hosts),
                                   ") have private addresses only; this server talks to those with "
                                   "[outbound] allow_private = true"));
}

// None of the hosts can be talked to: why?
MxAnswer none_usable(const std::vector<Candidate>& hosts, bool had_private, bool implicit,
                     const std::string& domain, const Answer& mx) {
  const auto unknown = std::ranges::find_if(hosts, lookup_failed);
  if (unknown != hosts.end()) {
    const bool a_failed = unknown->a.kind == Answer::Kind::failed;
    return dns_failed("the addresses", unknown->name, a_failed ? unknown->a : unknown->aaaa);
  }
  if (had_private) return private_only(domain, hosts);
  // RFC 5321 §5.1: "this situation MUST be reported as an error". RFC 3463 §3.2 X.1.2: the right
  // side of the address is "incapable of accepting mail"; §3.5 X.4.4: no next hop to be found.
  if (implicit) {
    return permanent(
        "5.1.2",
        concat("the domain ", domain, " takes no mail: it has neither MX nor address records"), mx);
  }
  return permanent("5.4.4",
                   concat("none of the mail servers that the DNS names for ", domain,
                          " has an address", hosts.empty() ? "" : ": ", names_of(hosts)),
                   mx);
}

MxAnswer from_literal(const std::string& literal, const MxWorld& world) {
  const Result<IpAddress> address = IpAddress::parse_literal(literal);
  MAIL_ASSERT(address.has_value());  // Domain has parsed it
  Candidate host{literal};
  host.addresses.push_back(*address);
  if (is_own_address(world, host)) return loop(literal, {});
  if (!world.allow_private && is_private(*address)) {
    return private_only(literal, {host});
  }
  MxAnswer answer;
  answer.kind = Kind::found;
  answer.ttl = std::chrono::hours(24);  // nothing was looked up
  answer.hosts.push_back({literal, 0, std::move(host.addresses), false});
  return answer;
}

}  // namespace

Task<MxAnswer> find_hosts(dns::Resolver& resolver, Domain domain, MonoTime deadline, Random& random,
                          const MxWorld& world) {
  const std::string& name = domain.text();
  if (domain.is_literal()) co_return from_literal(name, world);

  const Answer mx = co_await resolver.ask(name, dns::Type::mx, deadline);
  std::vector<Candidate> hosts;
  const bool implicit = mx.kind == Answer::Kind::no_data;
  switch (mx.kind) {
    case Answer::Kind::failed:
      co_return dns_failed("the mail servers", name, mx);
    case Answer::Kind::no_name:  // RFC 5321 §5.1: "this situation MUST be reported as an error"
      co_return permanent("5.1.2", concat("the domain ", name, " does not exist"), mx);
    case Answer::Kind::no_data:  // the implicit MX, "with a preference of 0, pointing to that host"
      hosts.push_back({mx.canonical_name.empty() ? name : to_lower(mx.canonical_name)});
      break;
    case Answer::Kind::found:
      if (is_null_mx(mx)) {  // RFC 7505 §4.1
        co_return permanent(
            "5.1.10", concat("the domain ", name, " takes no mail: its DNS says so (null MX)"), mx);
      }
      hosts = candidates_of(mx, random);
      break;
  }

  const bool had_hosts = !hosts.empty();
  const auto us_by_name = [&](const Candidate& host) { return is_own_name(world, host.name); };
  cut_at_us(hosts, us_by_name);
  if (hosts.size() > kMaxHosts) hosts.resize(kMaxHosts);
  co_await look_up_addresses(resolver, hosts, deadline);
  const auto us_by_address = [&](const Candidate& host) { return is_own_address(world, host); };
  cut_at_us(hosts, us_by_address);
  if (had_hosts && hosts.empty()) co_return loop(name, mx);

  const bool had_private = !world.allow_private && drop_private(hosts);
  const auto reachable = [](const Candidate& host) { return !host.addresses.empty(); };
  if (std::ranges::none_of(hosts, reachable)) {
    co_return none_usable(hosts, had_private, implicit, name, mx);
  }
  co_return found(std::move(hosts), mx);
}

Task<MxAnswer> find_host(dns::Resolver& resolver, std::string host, MonoTime deadline) {
  MxAnswer fixed;
  Result<IpAddress> address = IpAddress::parse(host);
  if (!address) address = IpAddress::parse_literal(host);
  if (address) {
    fixed.kind = Kind::found;
    fixed.ttl = std::chrono::hours(24);
    fixed.hosts.push_back({address->to_literal(), 0, {*address}, false});
    co_return fixed;
  }
  if (!dns::is_host_name(host)) {
    co_return temporary("4.4.4", concat("the host of the route, ", host, ", is no host name"));
  }
  std::vector<Candidate> hosts{{to_lower(host)}};
  co_await look_up_addresses(resolver, hosts, deadline);
  const Candidate& only = hosts.front();
  if (only.addresses.empty()) {
    if (lookup_failed(only)) co_return none_usable(hosts, false, false, host, {});
    co_return temporary("4.4.4",
                        concat("the host of the route, ", host,
                               ", has no address in the DNS; correct the route or the DNS"));
  }
  Answer given;  // by the configuration: its name needs no proof
  given.secure = true;
  given.ttl = std::max(only.a.ttl, only.aaaa.ttl);
  co_return found(std::move(hosts), given);
}

std::string site_key(const MxAnswer& answer) {
  std::vector<std::string_view> names;
  for (const MxHost& host : answer.hosts) names.push_back(host.name);
  std::ranges::sort(names);
  const auto [first, last] = std::ranges::unique(names);
  names.erase(first, last);
  std::string key;
  for (const std::string_view name : names) append(key, key.empty() ? "" : ",", name);
  return key;
}

bool is_private(const IpAddress& address) {
  static const auto kNetworks = [] {
    std::vector<IpNetwork> networks;
    for (const std::string_view text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
                                        "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                                        "224.0.0.0/3",  // RFC 6890; 224/3 is multicast and reserved
                                        "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"}) {
      networks.push_back(IpNetwork::parse(text).value());
    }
    return networks;
  }();
  return std::ranges::any_of(kNetworks,
                             [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace mail::mx
