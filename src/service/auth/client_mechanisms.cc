#include "service/auth/client_mechanisms.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/text.h"
#include "platform/gsasl/scram.h"
#include "platform/tls/digest.h"

namespace mail {
namespace {

class Scram final : public sasl::ClientMechanism {
 public:
  explicit Scram(sasl::ClientCredentials credentials)
      : client_(std::move(credentials.user), std::move(credentials.password)) {}
  std::string_view name() const override { return "SCRAM-SHA-256"; }
  bool sends_first() const override { return true; }
  Result<std::string> step(std::string_view challenge) override { return client_.step(challenge); }
  bool is_complete() const override { return client_.is_complete(); }

 private:
  gsasl::ScramClient client_;
};

std::unique_ptr<sasl::ClientMechanism> make(std::string_view name,
                                            sasl::ClientCredentials credentials) {
  if (name == "SCRAM-SHA-256") return std::make_unique<Scram>(std::move(credentials));
  if (name == "PLAIN") return sasl::plain_client(std::move(credentials));
  if (name == "LOGIN") return sasl::login_client(std::move(credentials));
  if (name == "CRAM-MD5") return sasl::cram_md5_client(std::move(credentials), tls::hmac_md5);
  if (name == "OAUTHBEARER") return sasl::oauthbearer_client(std::move(credentials));
  return sasl::xoauth2_client(std::move(credentials));
}

}  // namespace

Result<std::unique_ptr<sasl::ClientMechanism>> choose_client_mechanism(
    sasl::ClientCredentials credentials, std::span<const std::string_view> offered,
    bool encrypted) {
  using Names = std::initializer_list<std::string_view>;
  static constexpr Names kTokens = {"OAUTHBEARER", "XOAUTH2"};
  static constexpr Names kEncrypted = {"SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"};
  static constexpr Names kClear = {"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"};
  const Names& wanted = credentials.is_token ? kTokens : encrypted ? kEncrypted : kClear;
  for (const std::string_view name : wanted) {
    const bool there =
        std::ranges::any_of(offered, [name](std::string_view each) { return iequals(each, name); });
    if (there) return make(name, std::move(credentials));
  }
  std::string ours;
  for (const std::string_view name : wanted) append(ours, ours.empty() ? "" : ", ", name);
  std::string theirs;
  for (const std::string_view name : offered) append(theirs, theirs.empty() ? "" : ", ", name);
  return fail(Errc::not_found,
              concat("the server offers ", theirs.empty() ? "no login" : theirs, "; a ",
                     credentials.is_token ? "token" : "password", " can be used with ", ours));
}

}  // namespace mail
