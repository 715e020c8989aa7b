// store salvage: a store that does not open is made to open again (service/store/salvage.h).
#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/state_access.h"
#include "daemon/ctl/text_table.h"
#include "platform/os/file.h"
#include "service/store/salvage.h"

namespace mail::ctl {
namespace {

std::string to_text(const Salvaged& done) {
  std::string text;
  for (const Damage& file : done.files) {
    append(text, "SET ASIDE ", printable(file.what), ": ", printable(file.why), '\n');
  }
  for (const MessageId& id : done.lost) append(text, "LOST ", id.to_string(), '\n');
  if (done.files.empty()) return "Every table file is whole: nothing had to be set aside.\n";
  append(text, "The files are kept in ", printable(done.kept_in.string()), ".\n");
  if (done.rows > 0) append(text, done.rows, " rows of them could be read and are kept.\n");
  if (done.over > 0) {
    append(text, done.over, " deliveries had ended and are not made again.\n");
  }
  return text + "The store opens. `mailwright store check` reads all of it.\n";
}

std::string to_json_line(const Salvaged& done) {
  json::Array files;
  for (const Damage& file : done.files) {
    files.push_back(json::Object{{"what", file.what}, {"why", file.why}});
  }
  json::Array lost;
  for (const MessageId& id : done.lost) lost.push_back(json::Value(id.to_string()));
  std::string line;
  json::append_value(line, json::Object{{"files", std::move(files)},
                                        {"kept_in", done.kept_in.string()},
                                        {"rows", done.rows},
                                        {"lost", std::move(lost)},
                                        {"had_ended", done.over}});
  return line + '\n';
}

}  // namespace

// A store that the daemon has open needs none.
Task<Answer> store_salvage(Admin&, const Request&, Output&) {
  co_return refuse(Exit::try_later,
                   "The daemon runs, so its store is open: `mailwright store check` says what is "
                   "damaged in it. Stop the daemon to salvage.");
}

Answer salvage_state(const std::filesystem::path& state, const Request& request, const Sink& out,
                     const Clock& clock) {
  const Result<os::LockFile> lock = os::LockFile::take(state / "lock");
  if (!lock) {
    return refuse(Exit::try_later, concat("The state ", state.string(), " is in use: ",
                                          lock.error().detail, ". Stop that process first."));
  }
  MAIL_TRY(const Salvaged done, salvage_store(state, clock, RocksOptions{}));
  MAIL_TRY(out(request.json ? to_json_line(done) : to_text(done)));
  if (done.lost.empty()) return {};
  return refuse(Exit::bad_data,
                concat(done.lost.size(), done.lost.size() == 1 ? " message has" : " messages have",
                       " lost something; the rest is whole."));
}

}  // namespace mail::ctl
