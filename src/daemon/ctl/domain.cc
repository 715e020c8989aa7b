// domain add|list|remove: the domains that mail is taken for.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"

namespace mail::ctl {

Result<Domain> parse_domain(std::string_view text) {
  Result<Domain> domain = Domain::parse(text, &idn::kFunctions);
  if (!domain || domain->empty() || domain->is_literal()) {
    return fail(Errc::bad_syntax,
                concat('`', printable(text), "` is no domain name; write it like yahoo.test"));
  }
  return domain;
}

std::expected<Domain, Refusal> find_domain(const Admin& admin, std::string_view text) {
  MAIL_TRY(Domain domain, parse_domain(text));
  if (admin.control.snapshot()->is_local(domain)) return domain;
  return refuse(Exit::no_input, concat("There is no domain ", domain.text(),
                                       " here; `mailwright domain list` shows all there are."));
}

namespace {

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
  MAIL_CO_TRY(co_await on(admin.pool, [&] {
    return admin.keeper != nullptr ? admin.keeper->add_domain(domain, owner)
                                   : admin.control.add_domain(domain, owner);
  }));
  log::info("domain.added", {{"domain", domain.text()}, {"owner", owner}});
  std::string text = concat("Mail for ", domain.text(), " is taken.\n");
  if (admin.keeper != nullptr) {
    append(text, "`mailwright domain dns ", domain.text(),
           "` says what to publish, so that its mail is signed and believed.\n");
  }
  co_return co_await print(output, std::move(text));
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
  if (admin.keeper != nullptr) {
    MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.keeper->refresh(); }));
  }
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
