#include "service/signing/sender_rewriting.h"

#include <utility>

#include "base/text.h"
#include "platform/os/file.h"
#include "platform/tls/digest.h"

namespace mail::signing {
namespace {

constexpr std::size_t kMaxFile = 65'536;

std::string hmac_sha1(std::string_view key, std::string_view octets) {
  const auto digest = tls::hmac_sha1(key, octets);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// As text that is an address; nothing where it would be too long for one.
std::optional<std::string> address_of(std::string local_part, std::string_view domain) {
  const Result<Domain> parsed = Domain::parse(domain);
  if (!parsed) return std::nullopt;
  std::string text = Mailbox{.local_part = std::move(local_part), .domain = *parsed}.to_string();
  if (!Mailbox::parse(text)) return std::nullopt;
  return text;
}

}  // namespace

SenderRewriting::SenderRewriting(std::vector<std::string> secrets, const Clock& clock)
    : rewriter_(std::move(secrets), hmac_sha1), clock_(clock) {}

std::optional<std::string> SenderRewriting::rewrite(std::string_view sender,
                                                    std::string_view domain) const {
  Result<Mailbox> from = Mailbox::parse(sender);
  if (!from || from->domain.empty()) return std::nullopt;
  return address_of(
      rewriter_.forward({std::move(from->local_part), from->domain.text()}, clock_.wall_now()),
      domain);
}

std::optional<std::string> SenderRewriting::sender_behind(const Mailbox& recipient) const {
  if (!srs::is_rewritten(recipient.local_part)) return std::nullopt;  // nearly always
  Result<srs::Address> sender = rewriter_.reverse(recipient.local_part, clock_.wall_now());
  if (!sender) return std::nullopt;
  return address_of(std::move(sender->local_part), sender->domain);
}

Result<std::vector<std::string>> read_srs_secrets(const std::filesystem::path& file) {
  MAIL_TRY(const bool shared, os::others_may_read(file));
  if (shared) {
    return fail(Errc::not_allowed,
                concat(file.native(), " may be read by others than its owner: chmod 600 it"));
  }
  MAIL_TRY(const std::string text, os::read_file(file, kMaxFile));
  std::vector<std::string> secrets;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) secrets.emplace_back(line);
  }
  if (!secrets.empty()) return secrets;
  return fail(Errc::invalid_argument,
              concat(file.native(), " is empty: write a secret on its first line"));
}

}  // namespace mail::signing
