// domain dkim list|rotate|force: the keys that mail of a domain is signed with.
#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/signing/key_record.h"

namespace mail::ctl {
namespace {

json::Value to_json(const DkimKeyRow& key) {
  return json::Object{{"selector", key.selector},
                      {"algorithm", std::string(to_string(key.kind))},
                      {"state", std::string(to_string(key.state))},
                      {"forced", key.forced},
                      {"made", human_time(key.made)},
                      {"since", human_time(key.changed)},
                      {"name", signing::record_name(key)},
                      {"record", signing::record_text(key)}};
}

std::string_view meaning(const DkimKeyRow& key) {
  switch (key.state) {
    case DkimKeyState::pending:
      return "not used: the DNS has not shown it yet";
    case DkimKeyState::active:
      return key.forced ? "used, whatever the DNS shows" : "used";
    case DkimKeyState::retired:
      return "not used any more; its record still serves mail under way";
    case DkimKeyState::revoked:
      return "gone; its record should go";
  }
  return "";
}

Task<Answer> list(const std::vector<DkimKeyRow>& keys, bool as_json, Output& output) {
  if (as_json) {
    JsonRows rows(output);
    for (const DkimKeyRow& key : keys) MAIL_CO_TRY(co_await rows.add(to_json(key)));
    co_return co_await rows.finish();
  }
  TextTable table({"SELECTOR", "ALGORITHM", "STATE", "SINCE", "MEANING"});
  for (const DkimKeyRow& key : keys) {
    table.add({key.selector, std::string(to_string(key.kind)), std::string(to_string(key.state)),
               human_time(key.changed), std::string(meaning(key))});
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> rotate(Admin& admin, std::string domain, bool as_json, Output& output) {
  MAIL_CO_TRY(const std::vector<DkimKeyRow> pending,
              co_await on(admin.pool, [&] { return admin.keeper->make(domain); }));
  if (as_json) co_return co_await list(pending, true, output);
  std::string text = concat("Publish these, and leave the old ones where they are:\n");
  for (const DkimKeyRow& key : pending) {
    append(text, "  ", signing::record_name(key), ". TXT ", signing::record_text(key), '\n');
  }
  append(text, "They are used once the DNS shows them; `mailwright domain dns ", domain,
         "` looks at once.\n");
  co_return co_await print(output, std::move(text));
}

}  // namespace

Task<Answer> domain_dkim(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Domain parsed, find_domain(admin, request.text("NAME")));
  const std::string& domain = parsed.text();
  const std::string action = request.text("ACTION");
  const std::string selector = request.text("SELECTOR");
  if ((action == "force") == selector.empty()) {
    co_return refuse(Exit::usage, action == "force"
                                      ? "force needs a SELECTOR: `domain dkim list` shows them."
                                      : "Only force takes a SELECTOR.");
  }
  if (action == "list") {
    co_return co_await list(admin.keeper->keys_of(domain), request.json, output);
  }
  if (action == "rotate") co_return co_await rotate(admin, domain, request.json, output);
  if (action == "force") {
    MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.keeper->force(domain, selector); }));
    log::warning("signing.key_forced", {{"domain", domain}, {"selector", selector}});
    co_return co_await print(output, concat("Mail of ", domain, " is signed with ", selector,
                                            " from now on, whatever the DNS shows.\n"));
  }
  co_return refuse(Exit::usage, concat("There is no action `", printable(action),
                                       "`: it is list, rotate or force."));
}

}  // namespace mail::ctl
