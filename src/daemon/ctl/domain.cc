// domain add|list|remove: the domains that mail is taken for.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"

namespace mail::ctl {
namespace {

Result<Domain> parse_domain(std::string_view text) {
  Result<Domain> domain = Domain::parse(text, &idn::kFunctions);
  if (!domain || domain->empty() || domain->is_literal()) {
    return fail(Errc::bad_syntax,
                concat('`', printable(text), "` is no domain name; write it like yahoo.test"));
  }
  return domain;
}

std::int64_t accounts_of(const Directory& directory, const DomainRow& domain) {
  return std::ranges::count_if(directory.accounts(), [&](const AccountRow& account) {
    return account.address.ends_with(concat('@', domain.name));
  });
}

}  // namespace

Task<Answer> domain_add(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Domain domain, parse_domain(request.text("NAME")));
  std::string owner;
  if (request.has("--owner")) {
    MAIL_CO_TRY(const Mailbox mailbox, parse_account_address(request.text("--owner")));
    owner = mailbox.key();
  }
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.control.add_domain(domain, owner); }));
  log::info("domain.added", {{"domain", domain.text()}, {"owner", owner}});
  co_return co_await print(output, concat("Mail for ", domain.text(), " is taken.\n"));
}

Task<Answer> domain_list(Admin& admin, const Request& request, Output& output) {
  const std::shared_ptr<const Directory> directory = admin.control.snapshot();
  TextTable table({"DOMAIN", "ACCOUNTS", "OWNER"});
  JsonRows rows(output);
  for (const DomainRow& domain : directory->domains()) {
    const std::int64_t accounts = accounts_of(*directory, domain);
    if (request.json) {
      MAIL_CO_TRY(co_await rows.add(
          json::Object{{"name", domain.name}, {"owner", domain.owner}, {"accounts", accounts}}));
    } else {
      table.add({domain.name, concat(accounts), domain.owner.empty() ? "-" : domain.owner});
    }
  }
  if (request.json) co_return co_await rows.finish();
  if (table.empty()) {
    co_return co_await print(output, "No domains yet. `mailwright domain add NAME` adds one.\n");
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> domain_remove(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Domain domain, parse_domain(request.text("NAME")));
  const bool with_accounts = request.has("--with-accounts");
  MAIL_CO_TRY(const std::vector<AccountId> removed, co_await on(admin.pool, [&] {
                return admin.control.remove_domain(domain, with_accounts);
              }));
  for (const AccountId account : removed) {
    MAIL_CO_TRY(co_await admin.store.remove_account(account));
  }
  log::info("domain.removed", {{"domain", domain.text()}, {"accounts", removed.size()}});
  co_return co_await print(
      output, removed.empty() ? concat("Mail for ", domain.text(), " is not taken any more.\n")
                              : concat("Mail for ", domain.text(), " is not taken any more; ",
                                       removed.size(), " accounts and their mail are gone.\n"));
}

}  // namespace mail::ctl
