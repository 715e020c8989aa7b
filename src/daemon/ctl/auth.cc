#include "daemon/ctl/auth.h"

#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/text.h"
#include "codec/dns/zone_file.h"
#include "daemon/assembly/outbound.h"
#include "daemon/ctl/auth_tools.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"
#include "platform/os/file.h"
#include "platform/psl/psl.h"
#include "platform/tls/crypto.h"
#include "service/examination/examiner.h"

namespace mail::ctl {
namespace auth {
namespace {

constexpr std::size_t kMaxZone = std::size_t{256} << 20;

Refusal unreadable(const Error& error) {
  return {error.code == Errc::too_large ? Exit::bad_data : Exit::no_input,
          concat(error.detail, '.')};
}

}  // namespace

Dns::Dns() { Executor::set_current(&loop_); }

Dns::~Dns() {
  if (network_ != nullptr) network_->stop();
  bool done = false;
  loop_.post([&] { done = true; });
  loop_.run_until([&] { return done; });
  Executor::set_current(nullptr);
}

Expected<std::unique_ptr<Dns>> Dns::open(const Command& command) {
  std::unique_ptr<Dns> dns(new Dns);
  if (!command.line.has("--zone")) {
    MAIL_TRY(auto network,
             dns::UnboundResolver::open(command.settings == nullptr
                                            ? dns::UnboundOptions{}
                                            : resolver_options(command.settings->dns)));
    dns->network_ = network.get();
    dns->resolver_ = std::move(network);
    return dns;
  }
  const std::string file = command.line.text("--zone");
  const auto text = os::read_file(file, kMaxZone);
  if (!text) return std::unexpected(unreadable(text.error()));
  auto zone = dns::Zone::parse(*text);
  if (!zone) {
    return refuse(Exit::bad_data,
                  concat(printable(file), ", ", zone.error().detail,
                         ".\nIt has to be a zone file as in RFC 1035 §5: $ORIGIN, $TTL and one "
                         "record a line."));
  }
  dns->resolver_ = std::make_unique<dns::ZoneResolver>(std::move(*zone));
  return dns;
}

Expected<Domain> parse_domain(std::string_view text) {
  auto domain = Domain::parse(text, &idn::kFunctions);
  if (domain && !domain->is_literal()) return std::move(*domain);
  return refuse(Exit::usage, concat("`", printable(text), "` is no domain name."));
}

Expected<IpAddress> parse_ip(const Command& command) {
  const std::string text = command.line.text("--ip");
  const auto address = IpAddress::parse(text);
  if (address) return *address;
  return refuse(Exit::usage, concat("--ip is an address like 192.0.2.1 or 2001:db8::1, not `",
                                    printable(text), "`."));
}

Expected<std::optional<Origin>> parse_origin(const Command& command) {
  if (!command.line.has("--ip")) return std::nullopt;
  Origin origin;
  MAIL_TRY(origin.client, parse_ip(command));
  if (!command.line.has("--helo") || !command.line.has("--mail-from")) {
    return refuse(Exit::usage, "With --ip give --helo and --mail-from too; <> is the null sender.");
  }
  origin.helo = command.line.text("--helo");
  std::string path = command.line.text("--mail-from");
  if (!path.starts_with('<')) path = concat('<', path, '>');
  auto parsed = parse_path(path, &idn::kFunctions);
  if (!parsed || !parsed->rest.empty()) {
    return refuse(Exit::usage, concat("--mail-from is an address like tom@yahoo.test, or <>, not `",
                                      printable(command.line.text("--mail-from")), "`."));
  }
  origin.path = std::move(parsed->path);
  return origin;
}

std::string authserv_id(const Command& command) {
  if (command.line.has("--authserv-id")) return command.line.text("--authserv-id");
  if (command.settings != nullptr) return command.settings->hostname;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

Expected<mailauth::Findings> examine(const Command& command, Dns& dns, const MessageFile& message,
                                     const Origin& origin) {
  Examiner examiner({dns.resolver(), tls::kCrypto, command.clock, &idn::kFunctions,
                     &psl::is_public_suffix, authserv_id(command)},
                    origin.client, origin.helo, origin.path);
  examiner.header(message.header());
  MAIL_TRY(message.body([&](std::string_view piece) { examiner.body(piece); }));
  return dns.wait(examiner.finish(command.clock.mono_now() + kMaxExamination));
}

Answer print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return {};
  return refuse(Exit::io, "Standard output does not take what is written.");
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  for (const std::string_view word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > width) {
      append(out, '\n', std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      out.push_back(' ');
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

}  // namespace auth

Answer run_auth(const cli::Invocation& invocation, const Settings* settings, const Clock& clock) {
  const auth::Command command{invocation, settings, clock};
  const std::string_view verb = invocation.command->verb;
  if (verb == "check") return auth::check(command);
  if (verb == "sign") return auth::sign(command);
  if (verb == "seal") return auth::seal(command);
  if (verb == "spf") return auth::spf(command);
  MAIL_ASSERT(verb == "dmarc");
  return auth::dmarc(command);
}

}  // namespace mail::ctl
