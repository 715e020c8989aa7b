// explain FROM TO: where mail would go, and why. Asks directory, routes and DNS as the server does
// when it sends, and sends nothing.
#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/mx/mx.h"
#include "service/routing/route.h"

namespace mail::ctl {
namespace {

constexpr Milliseconds kPatience{20'000};

// One final recipient with everything that is known about its way.
struct Way {
  std::string recipient;
  std::string reverse_path;
  bool local = false;  // into the mailbox of this account
  std::shared_ptr<const Route> route;
  std::string because;  // which row of the routes
  mx::MxAnswer hosts;   // by MX, and for the host of a route
  bool asked_dns = false;
  std::string outcome;  // a sentence
};

std::string_view tls_text(const Route& route) {
  switch (route.tls) {
    case smtp::HopTls::none:
      return "never";
    case smtp::HopTls::opportunistic:
      return "where offered; no certificate is checked";
    case smtp::HopTls::require:
      return route.verify ? "required, with the host's certificate" : "required, any certificate";
    case smtp::HopTls::implicit:
      return route.verify ? "from the first byte, with the host's certificate"
                          : "from the first byte, any certificate";
  }
  return "";
}

std::string domain_of(std::string_view address) {
  return to_lower(address.substr(address.rfind('@') + 1));
}

std::string which_row(const Routes& routes, const std::string& to, const std::string& from) {
  if (routes.by_recipient().contains(to)) return concat("[routes] \"", to, "\"");
  if (routes.by_sender().contains(from)) return concat("[routes.from] \"", from, "\"");
  if (routes.by_recipient().contains("*")) return "[routes] \"*\"";
  return "no row names it";
}

Task<void> follow(Way& way, const Outgoing& outgoing, Random& random, MonoTime deadline) {
  const std::string to = domain_of(way.recipient);
  const std::string from = domain_of(way.reverse_path);
  const Routes& routes = *outgoing.settings->routes;
  way.route = routes.find(to, from);
  way.because = which_row(routes, to, from);
  switch (way.route->kind) {
    case Route::Kind::hold:
      way.outcome = "It would be kept aside until an operator releases it.";
      co_return;
    case Route::Kind::discard:
      way.outcome = "It would be taken and thrown away.";
      co_return;
    case Route::Kind::local:
      way.outcome = "It would come back: mail for this domain stays here, and nobody is there.";
      co_return;
    case Route::Kind::mx: {
      const Result<Domain> domain = Domain::parse(to);
      if (!domain) {
        way.outcome = "It would come back: that is no domain.";
        co_return;
      }
      way.hosts =
          co_await mx::find_hosts(outgoing.resolver, *domain, deadline, random, *outgoing.mx);
      break;
    }
    case Route::Kind::smtp:
    case Route::Kind::lmtp:
      if (way.route->host.empty()) {
        way.outcome = concat("It would be handed to ", way.route->unix_path.string(), ".");
        co_return;
      }
      way.hosts = co_await mx::find_host(outgoing.resolver, way.route->host, deadline);
      break;
  }
  way.asked_dns = true;
  switch (way.hosts.kind) {
    case mx::MxAnswer::Kind::found:
      way.outcome = concat("It would be sent to ", way.hosts.hosts.front().name,
                           way.hosts.hosts.size() > 1 ? ", then the others in this order." : ".");
      break;
    case mx::MxAnswer::Kind::permanent:
      way.outcome =
          concat("It would come back with ", way.hosts.enhanced, ": ", way.hosts.why, ".");
      break;
    case mx::MxAnswer::Kind::temporary:
      way.outcome = concat("It would wait and be tried again (", way.hosts.enhanced,
                           "): ", way.hosts.why, ".");
      break;
  }
}

std::string addresses_text(const mx::MxHost& host) {
  std::string out;
  for (const IpAddress& address : host.addresses) {
    append(out, out.empty() ? "" : ", ", address.to_string());
  }
  return out;
}

std::string source_text(const Route& route, const Settings& settings) {
  return concat(route.source.empty() ? "the system's choice" : route.source, ", as ",
                route.helo.empty() ? settings.hostname : route.helo);
}

std::string to_text(const Way& way, const Settings& settings) {
  std::string out = concat("To      ", printable(way.recipient), '\n');
  if (way.local) return concat(out, "Route   local\nResult  ", way.outcome, '\n');
  append(out, "Route   ", way.route->to, "  (", way.because, ")\n");
  const bool travels = way.asked_dns || !way.route->unix_path.empty();
  if (travels) {
    append(out, "TLS     ", tls_text(*way.route), '\n');
    if (const auto& login = way.route->login) append(out, "Login   ", printable(login->user), '\n');
    append(out, "Source  ", source_text(*way.route, settings), '\n');
  }
  if (way.asked_dns && way.hosts.kind == mx::MxAnswer::Kind::found) {
    if (way.route->kind == Route::Kind::mx) {
      append(out, "DNS     MX of ", printable(domain_of(way.recipient)),
             way.hosts.secure ? ": secure (DNSSEC)\n" : ": not secured by DNSSEC\n");
    }
    TextTable table({"  PREFERENCE", "HOST", "ADDRESSES", "DNSSEC"});
    for (const mx::MxHost& host : way.hosts.hosts) {
      table.add({concat("  ", host.preference), host.name, addresses_text(host),
                 host.secure ? "secure" : "no"});
    }
    out += table.to_string();
  }
  return concat(out, "Result  ", way.outcome, '\n');
}

json::Value to_json(const Way& way, const Settings& settings) {
  json::Object row{{"recipient", way.recipient}, {"reverse_path", way.reverse_path}};
  if (way.local) {
    row.push_back({"route", "local"});
  } else {
    const Route& route = *way.route;
    row.push_back({"route", route.to});
    row.push_back({"because", way.because});
    row.push_back({"tls", tls_text(route)});
    row.push_back({"login", route.login ? json::Value(route.login->user) : json::Value()});
    row.push_back({"source", route.source});
    row.push_back({"helo", route.helo.empty() ? settings.hostname : route.helo});
  }
  if (way.asked_dns) {
    json::Array hosts;
    for (const mx::MxHost& host : way.hosts.hosts) {
      json::Array addresses;
      for (const IpAddress& address : host.addresses) addresses.push_back(address.to_string());
      hosts.push_back(json::Object{{"name", host.name},
                                   {"preference", host.preference},
                                   {"addresses", std::move(addresses)},
                                   {"secure", host.secure}});
    }
    row.push_back({"hosts", std::move(hosts)});
    row.push_back({"secure", way.hosts.secure});
    row.push_back({"status", way.hosts.enhanced});
    row.push_back({"why", way.hosts.why});
  }
  row.push_back({"result", way.outcome});
  return row;
}

// "<>" for the null path.
Result<std::string> parse_sender(const std::string& text) {
  if (text == "<>" || text.empty()) return std::string();
  MAIL_TRY(const Mailbox mailbox, parse_account_address(text));
  return mailbox.to_string();
}

// The final recipients of an address, with the reverse path each gets.
std::vector<Way> ways_to(const Mailbox& to, const std::string& from, const Resolution& resolution) {
  std::vector<Way> ways;
  if (resolution.kind == Resolution::Kind::not_local) {
    Way way;
    way.recipient = to.to_string();
    way.reverse_path = from;
    ways.push_back(std::move(way));
    return ways;
  }
  for (const Resolution::Member& member : resolution.members) {
    Way way;
    way.recipient = member.address;
    way.reverse_path = from.empty() || member.list_owner.empty() ? from : member.list_owner;
    way.local = member.account.has_value();
    if (way.local) way.outcome = "It would be delivered into a mailbox of this server.";
    ways.push_back(std::move(way));
  }
  return ways;
}

}  // namespace

Task<Answer> explain(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const std::string from, parse_sender(request.text("FROM")));
  MAIL_CO_TRY(const Mailbox to, parse_account_address(request.text("TO")));
  const std::shared_ptr<const Directory> directory = admin.control.snapshot();
  const Resolution resolution = directory->resolve(to);
  if (resolution.kind == Resolution::Kind::unknown_user) {
    co_return refuse(Exit::no_user, concat("There is no ", to.to_string(),
                                           " here: the client is answered 550 5.1.1. `mailwright "
                                           "account list` and `alias list` show who there is."));
  }
  const Outgoing outgoing = admin.outgoing();
  SystemRandom random;
  const MonoTime deadline = admin.clock.mono_now() + kPatience;
  std::vector<Way> ways = ways_to(to, from, resolution);
  for (Way& way : ways) {
    if (!way.local) co_await follow(way, outgoing, random, deadline);
  }
  if (request.json) {
    json::Array rows;
    for (const Way& way : ways) rows.push_back(to_json(way, *outgoing.settings));
    co_return co_await print_json(
        output, json::Object{{"from", from}, {"to", to.to_string()}, {"ways", std::move(rows)}});
  }
  std::string out = concat("From    ", from.empty() ? std::string("<>") : printable(from), '\n');
  if (resolution.expanded) append(out, printable(to.to_string()), " is an alias or list.\n");
  if (ways.empty()) out += "Result  It would be kept aside: the domain has no account yet.\n";
  for (const Way& way : ways) append(out, to_text(way, *outgoing.settings), '\n');
  if (!ways.empty()) out.pop_back();
  co_return co_await print(output, std::move(out));
}

}  // namespace mail::ctl
