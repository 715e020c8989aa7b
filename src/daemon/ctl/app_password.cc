// app-password add|list|remove: further passwords of an account, one for each program of its user,
// so that a lost phone costs one of them and not the account's.
#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/auth/credentials.h"

namespace mail::ctl {
namespace {

std::expected<NewAppPassword, Refusal> add_blocking(Admin& admin, const Mailbox& address,
                                                    const std::string& name, Rights rights) {
  MAIL_TRY(NewAppPassword made,
           make_app_password(admin.control.login_secret(), address, name, rights));
  MAIL_TRY(admin.control.add_app_password(address, made.row, admin.clock.wall_now()));
  return made;
}

}  // namespace

Task<Answer> app_password_add(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  const std::string name = request.text("NAME");
  Rights rights;
  if (request.has("--rights")) {
    MAIL_CO_TRY(rights, parse_rights(request.text("--rights")));
  }
  MAIL_CO_TRY(const NewAppPassword made,
              co_await on(admin.pool, [&] { return add_blocking(admin, address, name, rights); }));
  log::info("app_password.added", {{"account", address.key()}, {"name", made.row.name}});
  if (request.json) {
    co_return co_await print_json(output, json::Object{{"account", address.key()},
                                                       {"name", made.row.name},
                                                       {"rights", to_string(rights)},
                                                       {"password", made.password}});
  }
  co_return co_await print(
      output,
      concat(made.password, "\nIt is shown only this once. Programs that log in with SCRAM need ",
             address.to_string(), '/', made.row.name, " as user; others take ", address.to_string(),
             " too.\n"));
}

Task<Answer> app_password_list(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const AccountRow account, find_account(admin, request.text("ADDRESS")));
  MAIL_CO_TRY(const Mailbox address, parse_account_address(account.address));
  MAIL_CO_TRY(const std::vector<AppPasswordUse> uses,
              co_await on(admin.pool, [&] { return admin.control.app_passwords(address); }));
  TextTable table({"NAME", "RIGHTS", "MADE", "LAST USED"});
  JsonRows rows(output);
  for (const AppPasswordUse& use : uses) {
    if (request.json) {
      MAIL_CO_TRY(co_await rows.add(json::Object{
          {"name", use.row.name},
          {"rights", to_string(use.row.rights)},
          {"created", human_time(use.created)},
          {"last_used", use.last_used ? json::Value(human_time(*use.last_used)) : json::Value()}}));
    } else {
      table.add({use.row.name, to_string(use.row.rights), human_time(use.created),
                 use.last_used ? human_time(*use.last_used) : "never"});
    }
  }
  if (request.json) co_return co_await rows.finish();
  if (table.empty()) {
    co_return co_await print(output, concat("No app passwords yet. `mailwright app-password add ",
                                            account.address, " NAME` makes one.\n"));
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> app_password_remove(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Mailbox address, parse_account_address(request.text("ADDRESS")));
  const std::string name = request.text("NAME");
  MAIL_CO_TRY(
      co_await on(admin.pool, [&] { return admin.control.remove_app_password(address, name); }));
  log::info("app_password.removed", {{"account", address.key()}, {"name", printable(name)}});
  co_return co_await print(output, concat("The app password ", printable(name), " of ",
                                          address.to_string(), " is gone.\n"));
}

}  // namespace mail::ctl
