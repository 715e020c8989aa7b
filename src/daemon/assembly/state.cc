#include "daemon/assembly/state.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"
#include "platform/os/memory.h"
#include "platform/os/reserve.h"
#include "service/store/rocks_mail_store.h"

namespace mail {
namespace {

// Before anything is touched: a state of another user is the commonest mistake, and RocksDB would
// say it in its own words.
Result<void> check_rights(const std::filesystem::path& folder) {
  std::filesystem::path there = folder;
  std::error_code ignored;
  while (!std::filesystem::exists(there, ignored) && there.has_relative_path()) {
    there = there.parent_path();
  }
  if (::access(there.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  const int why = errno;
  return fail(why == EACCES || why == EROFS ? Errc::not_allowed : Errc::io_error,
              concat(there.string(), ": ", std::generic_category().message(why),
                     ". Give that folder to the user who starts the server, or name another"));
}

// A part that somebody moved away is not made anew: without accounts all their mail would be
// refused for ever, and bodies in segments that no mail names would be taken for nobody's.
Result<void> check_whole(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto there = [&](const char* name) {
    return std::filesystem::exists(folder / name, ignored);
  };
  const std::filesystem::path segments = folder / "segments";
  if (there("mail") && !there("control.db")) {
    return fail(
        Errc::store_corrupt,
        concat((folder / "control.db").string(), " is missing, and with it all domains and ",
               "accounts, though mail is there. Put it back; to begin with none, make it an ",
               "empty file of mode 0600"));
  }
  if (!there("mail") && there("segments") && !std::filesystem::is_empty(segments, ignored)) {
    return fail(Errc::store_corrupt,
                concat((folder / "mail").string(), " is missing, though bodies of its mail are in ",
                       segments.string(), ". Put it back"));
  }
  return {};
}

// Enough for the stores to be opened, and settled into.
constexpr std::uint64_t kRoomToOpen = 4 << 20;
constexpr std::uint64_t kInodesToOpen = 16;

// What is held for a full disk is given back before the stores are opened on one.
RocksOptions store_options(const std::filesystem::path& folder) {
  RocksOptions options;
  options.reserve = std::make_shared<os::Reserve>(folder);
  const Result<os::Space> space = os::space_of(folder);
  if (!space) return options;
  options.database = kv::options_for(os::memory_limit(), space->total);
  const bool no_inodes = space->inodes > 0 && space->inodes_available < kInodesToOpen;
  if (space->available < kRoomToOpen || no_inodes) options.reserve->release(os::Reserve::Part::all);
  return options;
}

}  // namespace

Result<std::unique_ptr<State>> State::open(const std::filesystem::path& folder,
                                           const Clock& clock) {
  MAIL_TRY(check_rights(folder));
  MAIL_TRY(os::make_directories(folder, 0700));
  Result<os::LockFile> lock = os::LockFile::take(folder / "lock");
  if (!lock && lock.error().code == Errc::already_exists) {
    return fail(Errc::overloaded, concat("The state ", folder.string(), " is in use: ",
                                         lock.error().detail, ". Stop that process first."));
  }
  if (!lock) return std::unexpected(lock.error());
  auto state = std::make_unique<State>(std::move(*lock));
  RocksOptions options = store_options(folder);
  MAIL_TRY(check_whole(folder));
  MAIL_TRY(state->control, ControlStore::open(folder / "control.db"));
  MAIL_TRY(os::sync_directory(folder));  // its name is there before any mail is
  MAIL_TRY(state->store, RocksMailStore::open(folder, clock, std::move(options)));
  MAIL_TRY(state->reports, feedback::ReportStore::open(folder / "reports.db"));
  return state;
}

}  // namespace mail
