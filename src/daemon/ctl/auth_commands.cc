#include "daemon/ctl/auth.h"

namespace mail::ctl::auth {

using cli::Needs;
using cli::Option;
using cli::Takes;

std::vector<cli::Command> commands() {
  const Option zone{"--zone", Takes::value, "FILE",
                    "Takes DNS answers from this zone file: a name it lacks does not exist."};
  const Option client{"--ip", Takes::value, "ADDRESS", "The client's address."};
  const Option client_needed{"--ip", Takes::value, "ADDRESS", "The client's address.", true};
  const Option helo{"--helo", Takes::value, "NAME", "What the client said at HELO."};
  const Option helo_needed{"--helo", Takes::value, "NAME", "What the client said at HELO.", true};
  const Option path{"--mail-from", Takes::value, "ADDRESS", "At MAIL FROM; <> for bounces."};
  const Option path_needed{"--mail-from", Takes::value, "ADDRESS", "At MAIL FROM; <> for bounces.",
                           true};
  const Option id{"--authserv-id", Takes::value, "NAME",
                  "Who says so in Authentication-Results; this host where not given."};
  const Option domain{"--domain", Takes::value, "NAME", "Who signs: d=.", true};
  const Option selector{"--selector", Takes::values, "NAME", "Of its key: s=.", true};
  const Option key{"--key", Takes::values, "FILE",
                   "The private key in PEM: RSA or Ed25519; another pair of --selector and "
                   "--key makes another signature.",
                   true};
  const Option one_selector{"--selector", Takes::value, "NAME", "Of its key: s=.", true};
  const Option one_key{"--key", Takes::value, "FILE", "The private key in PEM: RSA or Ed25519.",
                       true};
  return {
      {"auth",
       "check",
       {{"FILE"}},
       {client_needed, helo_needed, path_needed, zone, id},
       true,
       Needs::nothing,
       "Judges a message by SPF, DKIM, DMARC and ARC, as if it came from there now, and says "
       "what to do."},
      {"auth",
       "sign",
       {{"FILE"}},
       {domain, selector, key},
       false,
       Needs::nothing,
       "Prints a message with DKIM signatures in front, and nothing else changed."},
      {"auth",
       "seal",
       {{"FILE"}},
       {domain, one_selector, one_key, client, helo, path, zone, id},
       false,
       Needs::nothing,
       "Judges a message as `auth check` does and prints it with an ARC set in front that says "
       "so."},
      {"auth",
       "spf",
       {{"DOMAIN"}},
       {client, helo, zone},
       true,
       Needs::nothing,
       "Shows the SPF record of a domain, or of an address, and what comes of a client."},
      {"auth",
       "dmarc",
       {{"DOMAIN"}},
       {zone},
       true,
       Needs::nothing,
       "Shows the DMARC policy that holds for a domain, and where it was found."},
  };
}

}  // namespace mail::ctl::auth
