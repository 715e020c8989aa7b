#include "service/outbound/access_tokens.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "platform/http_client/http_client.h"
#include "platform/json/json.h"
#include "platform/os/command.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
constexpr std::size_t kMaxToken = 8192;  // a login command has at most 12288 octets (RFC 4954 §4)
// A program does not say how long its token lasts; asking it once in five minutes is cheap.
constexpr auto kFromCommand = 5min;
constexpr auto kMargin = 60s;  // it must not end between here and the hop

std::string key_of(const RouteLogin& login) {
  std::string key =
      concat(login.user, '\n', login.token_url, '\n', login.client_id, '\n', login.refresh_token);
  for (const std::string& word : login.token_command) append(key, '\n', word);
  return key;
}

Result<IssuedToken> from_command(const RouteLogin& login) {
  MAIL_TRY(const std::string out, os::run_command(login.token_command, kPatience, kMaxToken));
  IssuedToken issued{std::string(trim(out.substr(0, out.find_first_of("\r\n")))), kFromCommand};
  if (issued.token.empty()) {
    return fail(Errc::not_found, concat(login.token_command.front(), " printed no token"));
  }
  return issued;
}

Result<IssuedToken> from_issuer(const RouteLogin& login, const std::filesystem::path& ca_file) {
  http::FormRequest request{.url = login.token_url,
                            .fields = {{"grant_type", "refresh_token"},
                                       {"refresh_token", login.refresh_token},
                                       {"client_id", login.client_id}},
                            .ca_file = ca_file,
                            .timeout = kPatience};
  if (!login.client_secret.empty())
    request.fields.emplace_back("client_secret", login.client_secret);
  MAIL_TRY(const http::Response response, http::post_form(request));
  auto issued = parse_issued_token(response.status, response.body);
  if (!issued) issued.error().detail = concat(login.token_url, ": ", issued.error().detail);
  return issued;
}

}  // namespace

Result<IssuedToken> parse_issued_token(long status, const std::string& body) {
  const auto answer = json::parse(body);
  const std::string_view error = answer ? answer->text_or("error", "") : "";
  if (status != 200 || !error.empty()) {
    return fail(Errc::not_allowed, concat("the issuer gave no token: status ", status,
                                          error.empty() ? "" : ", ", error));
  }
  const std::string_view token = answer ? answer->text_or("access_token", "") : "";
  if (token.empty() || token.size() > kMaxToken) {
    return fail(Errc::bad_syntax, "the issuer's answer holds no access token");
  }
  IssuedToken out{std::string(token), 0s};
  const json::Value* const lasts = answer->find("expires_in");
  if (lasts != nullptr && lasts->integer() != nullptr) {
    out.lasts = std::chrono::seconds(std::clamp<std::int64_t>(*lasts->integer(), 0, 86400));
  }
  return out;
}

AccessTokens::AccessTokens(const Clock& clock, std::filesystem::path ca_file)
    : clock_(clock), ca_file_(std::move(ca_file)), pool_(2, 1000) {}

std::shared_ptr<AccessTokens::Entry> AccessTokens::entry_of(const RouteLogin& login) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key_of(login)];
  if (entry == nullptr) entry = std::make_shared<Entry>();
  return entry;
}

Result<std::string> AccessTokens::fetch(Entry& entry, const RouteLogin& login) {
  const std::lock_guard lock(entry.mutex);
  if (clock_.mono_now() < entry.until) return entry.token;
  MAIL_TRY(IssuedToken issued,
           login.token_command.empty() ? from_issuer(login, ca_file_) : from_command(login));
  entry.token = issued.token;
  entry.until =
      clock_.mono_now() + issued.lasts - std::min<std::chrono::seconds>(kMargin, issued.lasts / 2);
  return issued.token;
}

Task<Result<std::string>> AccessTokens::token(RouteLogin login) {
  const std::shared_ptr<Entry> entry = entry_of(login);
  auto work = [this, entry, &login] { return fetch(*entry, login); };
  co_return co_await on(pool_, std::move(work));
}

void AccessTokens::forget(const RouteLogin& login) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key_of(login));
}

}  // namespace mail
