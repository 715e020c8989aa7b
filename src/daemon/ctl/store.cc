// store check|backup: the stores as a whole. Also run without the daemon, on the state itself.
#include <sys/stat.h>

#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "platform/os/file.h"
#include "service/signing/key_file.h"

namespace mail::ctl {
namespace {

constexpr std::string_view kControlFile = "control.db";

json::Value to_json(const CheckReport& report, const std::string& control) {
  json::Array damage;
  for (const Damage& found : report.damage) {
    damage.push_back(json::Object{{"what", found.what}, {"why", found.why}});
  }
  if (!control.empty()) damage.push_back(json::Object{{"what", "control.db"}, {"why", control}});
  return json::Object{{"messages", report.messages},   {"bodies", report.bodies},
                      {"mailboxes", report.mailboxes}, {"entries", report.entries},
                      {"events", report.events},       {"damage", std::move(damage)}};
}

std::string to_text(const CheckReport& report, const std::string& control) {
  std::string out =
      concat(report.messages, " messages, ", report.bodies, " bodies, ", report.mailboxes,
             " mailboxes with ", report.entries, " entries, ", report.events, " events read.\n");
  for (const Damage& found : report.damage) {
    append(out, "DAMAGED ", printable(found.what), ": ", printable(found.why), '\n');
  }
  if (!control.empty()) append(out, "DAMAGED control.db: ", printable(control), '\n');
  if (report.damage.empty() && control.empty()) out += "Nothing is damaged.\n";
  return out;
}

// A folder of its own, which must not be there: a backup never overwrites an older one.
Answer make_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  const int why = errno;
  std::string text = concat("The folder ", folder.string(), " cannot be made: ", strerror(why));
  if (why == EEXIST) {
    text += ". A backup never writes over an older one: name a new folder.";
  } else if (why == ENOENT) {
    text += ". Make the folder it shall be in first.";
  } else {
    text += ". The daemon writes the backup, as its own user: name a folder where that user may.";
  }
  return refuse(Exit::cannot_create, std::move(text));
}

// The key that signing keys are sealed with, where it lies in the state; else it is kept elsewhere.
Result<void> copy_key_file(const std::filesystem::path& state,
                           const std::filesystem::path& folder) {
  const std::filesystem::path file = signing::KeyFile{{}, {}, state}.path();
  const Result<std::string> key = os::read_file(file);
  if (!key && key.error().code == Errc::not_found) return {};
  if (!key) return std::unexpected(key.error());
  return os::replace_file(folder / file.filename(), *key, 0600);
}

}  // namespace

Task<Answer> store_check(Admin& admin, const Request& request, Output& output) {
  const Result<CheckReport> read = co_await admin.store.check();
  if (!read && read.error().code == Errc::store_corrupt) {
    co_return refuse(Exit::bad_data,
                     concat("A file of the mail store is damaged so that rows behind the damage "
                            "cannot be reached: ",
                            printable(read.error().detail),
                            ". Stop the daemon and run `mailwright store salvage`."));
  }
  MAIL_CO_TRY(const CheckReport& report, read);
  const Result<void> control = co_await on(admin.pool, [&] { return admin.control.check(); });
  const std::string why = control ? std::string() : control.error().detail;
  if (request.json) {
    MAIL_CO_TRY(co_await print_json(output, to_json(report, why)));
  } else {
    MAIL_CO_TRY(co_await print(output, to_text(report, why)));
  }
  if (report.damage.empty() && control) co_return Answer{};
  log::warning("store.damaged", {{"records", report.damage.size()}});
  co_return refuse(Exit::bad_data,
                   concat(report.damage.size() + (control ? 0 : 1),
                          " records are damaged. Mail that is whole goes on; restore the others "
                          "from a backup."));
}

Task<Answer> store_backup(Admin& admin, const Request& request, Output& output) {
  const std::filesystem::path folder = request.text("DIR");
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return make_folder(folder); }));
  MAIL_CO_TRY(co_await admin.store.backup(folder));
  // Accounts after mail: an account made in between has no mail yet, which is fine.
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.control.backup(folder / kControlFile); }));
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return copy_key_file(admin.state, folder); }));
  log::info("store.backed_up", {{"folder", folder.string()}});
  co_return co_await print(output, concat("The stores are copied to ", folder.string(),
                                          ". It can be used as `state` of a server.\n"));
}

}  // namespace mail::ctl
