#include <algorithm>
#include <memory>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/mailauth/dkim.h"
#include "codec/message/header_block.h"
#include "daemon/ctl/auth_tools.h"
#include "daemon/ctl/text_table.h"
#include "platform/os/file.h"
#include "platform/tls/crypto.h"

namespace mail::ctl::auth {
namespace {

constexpr std::size_t kMaxKey = std::size_t{64} << 10;

Expected<dkim::SigningKey> read_key(const Domain& domain, const std::string& selector,
                                    const std::string& file) {
  const auto name = dns::normalize_name(concat(selector, "._domainkey.", domain.text()));
  if (!dns::is_host_name(selector) || !name) {
    return refuse(Exit::usage, concat("`", printable(selector),
                                      "` is no selector: labels of letters, digits and hyphens."));
  }
  const auto pem = os::read_file(file, kMaxKey);
  if (!pem) return refuse(Exit::no_input, concat(pem.error().detail, '.'));
  auto key = tls::kCrypto.read_private_key(*pem);
  if (!key) {
    return refuse(
        Exit::bad_data,
        concat(printable(file), " has no key that signs mail (", key.error().detail,
               "). Make one with `openssl genrsa -out ", printable(file),
               " 2048` or `openssl genpkey -algorithm ed25519 -out ", printable(file), "`."));
  }
  return dkim::SigningKey{domain.text(), to_lower(selector), std::move(*key)};
}

Expected<std::vector<dkim::SigningKey>> read_keys(const Command& command) {
  MAIL_TRY(const Domain domain, parse_domain(command.line.text("--domain")));
  const std::vector<std::string> selectors = command.line.texts("--selector");
  const std::vector<std::string> files = command.line.texts("--key");
  if (selectors.size() != files.size()) {
    return refuse(Exit::usage, "Give one --selector for each --key, in the same order.");
  }
  std::vector<dkim::SigningKey> keys;
  for (std::size_t i = 0; i < files.size(); ++i) {
    MAIL_TRY(dkim::SigningKey key, read_key(domain, selectors[i], files[i]));
    keys.push_back(std::move(key));
  }
  return keys;
}

Expected<std::string> hash_of_body(const MessageFile& message) {
  dkim::BodyHasher hasher(tls::kCrypto);
  MAIL_TRY(message.body([&](std::string_view piece) { hasher.update(piece); }));
  return hasher.finish();
}

// The fields in front of the file, whose octets stay: signatures do not mind which line ends they
// are kept with, as long as all are the same.
Answer print_with(std::string fields, const MessageFile& message) {
  if (message.bare_lf()) std::erase(fields, '\r');
  Answer printed = print(fields);
  MAIL_TRY(message.octets([&](std::string_view piece) {
    if (printed) printed = print(piece);
  }));
  return printed;
}

}  // namespace

Answer sign(const Command& command) {
  MAIL_TRY(const MessageFile message, MessageFile::open(command.line.text("FILE")));
  const auto scan = message::scan_header_block(message.header());
  if (!scan || scan->summary.from_fields != 1) {
    return refuse(Exit::bad_data,
                  concat(printable(command.line.text("FILE")),
                         " needs one From field: a signature is made for it (RFC 6376 §5.4)."));
  }
  MAIL_TRY(const std::vector<dkim::SigningKey> keys, read_keys(command));
  MAIL_TRY(const std::string hash, hash_of_body(message));
  std::string fields;
  for (const dkim::SigningKey& key : keys) {
    MAIL_TRY(const std::string field,
             dkim::sign(message.header(), hash, key, command.clock.wall_now(), tls::kCrypto));
    fields += field;
  }
  return print_with(std::move(fields), message);
}

Answer seal(const Command& command) {
  MAIL_TRY(const std::optional<Origin> origin, parse_origin(command));
  MAIL_TRY(const MessageFile message, MessageFile::open(command.line.text("FILE")));
  MAIL_TRY(const std::vector<dkim::SigningKey> keys, read_keys(command));
  if (keys.size() != 1) return refuse(Exit::usage, "A set has one seal: give one --key.");
  MAIL_TRY(const std::unique_ptr<Dns> dns, Dns::open(command));
  MAIL_TRY(const mailauth::Findings findings,
           examine(command, *dns, message, origin.value_or(Origin{})));
  authres::AuthenticationResults results;
  if (origin) {
    results =
        describe(findings, {origin->helo, origin->path.to_string(), origin->client.to_string()},
                 authserv_id(command));
  } else {
    results = describe(findings, {}, authserv_id(command));
    std::erase_if(results.results, [](const auto& result) { return result.method == "spf"; });
  }
  std::string field;
  append_authentication_results(field, results);
  MAIL_TRY(const std::string hash, hash_of_body(message));
  const std::string_view value = std::string_view(field).substr(field.find(':') + 1);
  const auto set = arc::seal(message.header(), hash, findings.arc, value, keys[0],
                             command.clock.wall_now(), tls::kCrypto);
  if (!set) return refuse(Exit::bad_data, concat("It cannot be sealed: ", set.error().detail, '.'));
  return print_with(*set, message);
}

}  // namespace mail::ctl::auth
