// alias add|list|remove: addresses that stand for others; "@domain" catches the rest of a domain.
#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"

namespace mail::ctl {
namespace {

// Lower case, as the directory keeps it.
Result<std::string> parse_alias_address(std::string_view text) {
  if (text.starts_with('@')) {
    MAIL_TRY(const Domain domain, Domain::parse(text.substr(1), &idn::kFunctions));
    return concat('@', domain.text());
  }
  MAIL_TRY(const Mailbox mailbox, parse_account_address(text));
  return mailbox.key();
}

}  // namespace

Task<Answer> alias_add(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const std::string address, parse_alias_address(request.text("ADDRESS")));
  std::vector<std::string> members;
  for (const std::string& text : request.texts("MEMBER")) {
    MAIL_CO_TRY(const Mailbox member, parse_account_address(text));
    members.push_back(member.to_string());
  }
  std::string owner;
  if (request.has("--owner")) {
    MAIL_CO_TRY(const Mailbox mailbox, parse_account_address(request.text("--owner")));
    owner = mailbox.to_string();
  }
  if (request.has("--list") == owner.empty()) {
    co_return refuse(
        Exit::usage,
        "A list needs both --list and --owner ADDRESS: what can not be delivered to its "
        "members is told to its owner. Leave both out for an alias, which keeps the "
        "sender's return path.");
  }
  MAIL_CO_TRY(
      co_await on(admin.pool, [&] { return admin.control.add_alias(address, members, owner); }));
  log::info("alias.added", {{"alias", address}, {"members", members.size()}, {"owner", owner}});
  co_return co_await print(output, concat("Mail for ", address, " goes to ", members.size(),
                                          members.size() == 1 ? " address.\n" : " addresses.\n"));
}

Task<Answer> alias_list(Admin& admin, const Request& request, Output& output) {
  const std::shared_ptr<const Directory> directory = admin.control.snapshot();
  TextTable table({"ALIAS", "MEMBERS", "LIST OWNER"});
  JsonRows rows(output);
  for (const AliasRow& alias : directory->aliases()) {
    if (request.json) {
      MAIL_CO_TRY(co_await rows.add(
          json::Object{{"address", alias.address},
                       {"members", json::Array(alias.members.begin(), alias.members.end())},
                       {"list", alias.is_list()},
                       {"owner", alias.is_list() ? json::Value(alias.owner) : json::Value()}}));
    } else {
      std::string members;
      for (const std::string& member : alias.members) {
        append(members, members.empty() ? "" : ", ", member);
      }
      table.add({alias.address, members, alias.is_list() ? alias.owner : "-"});
    }
  }
  if (request.json) co_return co_await rows.finish();
  if (table.empty()) {
    co_return co_await print(
        output, "No aliases yet. `mailwright alias add ADDRESS MEMBER...` adds one.\n");
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> alias_remove(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const std::string address, parse_alias_address(request.text("ADDRESS")));
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.control.remove_alias(address); }));
  log::info("alias.removed", {{"alias", address}});
  co_return co_await print(output, concat("Alias ", address, " is gone.\n"));
}

}  // namespace mail::ctl
