// What the administrator says about DNS: [dns] in the configuration.
#pragma once

#include <string>
#include <vector>

namespace mail::dns {

struct UnboundOptions {
  // Empty: own recursion from the root. "192.0.2.53", "127.0.0.1:5353", "[2001:db8::53]:53":
  // forward to these. "system", alone: to those of /etc/resolv.conf.
  std::vector<std::string> servers;
  // A zone file with the servers of the root. Empty: those of the internet.
  std::string root_hints;
  // A zone file with DS or DNSKEY records of the root. Empty: those of the internet (Debian's
  // dns-root-data, or built in), but none where `root_hints` names another root. With `servers` and
  // no anchor given, a forwarder that strips DNSSEC is put up with: nothing is secure, mail flows.
  std::string trust_anchor;
};

}  // namespace mail::dns
