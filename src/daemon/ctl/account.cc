// account add|list|passwd|disable|enable|grant|revoke|remove: who has a mailbox, may log in, and
// may send as whom.
#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "platform/password/password.h"
#include "service/auth/credentials.h"

namespace mail::ctl {
namespace {

std::expected<Credential, Refusal> read_credential(const Admin& admin, const Request& request,
                                                   const Mailbox& address) {
  if (request.secret.empty()) {
    return refuse(Exit::bad_data,
                  "The password is empty. Give it as one line on standard input, with "
                  "--password-stdin.");
  }
  const CramMd5 cram_md5 = request.has("--cram-md5") ? CramMd5::yes : CramMd5::no;
  if (request.has("--password-hash-stdin")) {
    if (cram_md5 == CramMd5::yes) {
      return refuse(Exit::bad_data,
                    "CRAM-MD5 needs the password, a hash of it will not do: give the password with "
                    "--password-stdin, or leave out --cram-md5.");
    }
    MAIL_TRY(const std::string imported, password::import_hash(request.secret));
    return Credential(imported);
  }
  MAIL_TRY(Credential made,
           make_credential(admin.control.login_secret(), address.key(), request.secret, cram_md5));
  return made;
}

// What happens to one account on the pool: hashing and SQLite both block.
std::expected<AccountId, Refusal> add_blocking(Admin& admin, const Request& request,
                                               const Mailbox& address,
                                               std::optional<std::uint64_t> quota) {
  MAIL_TRY(const Credential credential, read_credential(admin, request, address));
  MAIL_TRY(const AccountId id,
           admin.control.add_account(address, credential, quota, request.texts("--send-as")));
  return id;
}

Answer passwd_blocking(Admin& admin, const Request& request, const Mailbox& address) {
  MAIL_TRY(const Credential credential, read_credential(admin, request, address));
  MAIL_TRY(admin.control.set_password(address, credential));
  return {};
}

Task<Answer> set_disabled(Admin& admin, const Request& request, Output& output, bool disabled) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  MAIL_CO_TRY(
      co_await on(admin.pool, [&] { return admin.control.set_disabled(address, disabled); }));
  log::info(disabled ? "account.disabled" : "account.enabled", {{"account", address.key()}});
  co_return co_await print(
      output,
      concat(address.to_string(), disabled ? " may not log in any more; its mail is still taken.\n"
                                           : " may log in again.\n"));
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) append(out, out.empty() ? "" : ", ", text);
  return out;
}

}  // namespace

Task<Answer> account_add(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  std::optional<std::uint64_t> quota;
  if (request.has("--quota")) {
    MAIL_CO_TRY(quota, parse_size(request.text("--quota")));
  }
  MAIL_CO_TRY(
      co_await on(admin.pool, [&] { return add_blocking(admin, request, address, quota); }));
  log::info("account.added", {{"account", address.key()}});
  co_return co_await print(output, concat("Account ", address.to_string(), " is there.\n"));
}

Task<Answer> account_list(Admin& admin, const Request& request, Output& output) {
  const std::shared_ptr<const Directory> directory = admin.control.snapshot();
  TextTable table({"ACCOUNT", "USED", "QUOTA", "LOGIN"});
  JsonRows rows(output);
  for (const AccountRow& account : directory->accounts()) {
    const std::uint64_t used = admin.store.mailbox_bytes(account.id);
    if (request.json) {
      MAIL_CO_TRY(co_await rows.add(json::Object{
          {"address", account.address},
          {"disabled", account.disabled},
          {"quota", account.has_quota ? json::Value(account.quota_bytes) : json::Value()},
          {"bytes", used},
          {"scram", !account.scram.empty()},
          {"cram_md5", !account.cram_md5.empty()},
          {"app_passwords", account.app_passwords.size()},
          {"send_as", json::Array(account.send_as.begin(), account.send_as.end())}}));
    } else {
      table.add({account.address, human_size(used),
                 account.has_quota ? human_size(account.quota_bytes) : "-",
                 account.disabled ? "disabled" : "yes"});
    }
  }
  if (request.json) co_return co_await rows.finish();
  if (table.empty()) {
    co_return co_await print(
        output, "No accounts yet. `mailwright account add ADDRESS --password-stdin` adds one.\n");
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> account_passwd(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return passwd_blocking(admin, request, address); }));
  log::info("account.password_changed", {{"account", address.key()}});
  co_return co_await print(output,
                           concat("The password of ", address.to_string(), " is changed.\n"));
}

Task<Answer> account_disable(Admin& admin, const Request& request, Output& output) {
  return set_disabled(admin, request, output, true);
}

Task<Answer> account_enable(Admin& admin, const Request& request, Output& output) {
  return set_disabled(admin, request, output, false);
}

Task<Answer> account_grant(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  const std::vector<std::string> patterns = request.texts("PATTERN");
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.control.grant(address, patterns); }));
  log::info("account.granted", {{"account", address.key()}, {"send_as", joined(patterns)}});
  co_return co_await print(
      output, concat(address.to_string(), " may send as ", joined(patterns), " too.\n"));
}

Task<Answer> account_revoke(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  const std::vector<std::string> patterns = request.texts("PATTERN");
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.control.revoke(address, patterns); }));
  log::info("account.revoked", {{"account", address.key()}, {"send_as", joined(patterns)}});
  co_return co_await print(
      output, concat("Granting ", joined(patterns), " to ", address.to_string(), " is undone.\n"));
}

Task<Answer> account_remove(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  MAIL_CO_TRY(const AccountId id,
              co_await on(admin.pool, [&] { return admin.control.remove_account(address); }));
  MAIL_CO_TRY(co_await admin.store.remove_account(id));
  log::info("account.removed", {{"account", address.key()}});
  co_return co_await print(output, concat(address.to_string(), " and its mail are gone.\n"));
}

}  // namespace mail::ctl
