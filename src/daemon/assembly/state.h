// The state folder of a server, opened: its lock and the stores in it (design §3).
// One at a time: the lock is held as long as this lives, and let go by the kernel if we die.
#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "platform/os/file.h"
#include "service/directory/control_store.h"
#include "service/feedback/report_store.h"
#include "service/store/mail_store.h"

namespace mail {

struct State {
  os::LockFile lock;
  std::unique_ptr<ControlStore> control;
  std::unique_ptr<MailStore> store;
  std::unique_ptr<feedback::ReportStore> reports;

  // Makes the folder (0700) where it is missing. `clock` outlives the state. Errors name the file
  // and the remedy; already_exists when another process has the state open.
  static Result<std::unique_ptr<State>> open(const std::filesystem::path& folder,
                                             const Clock& clock);
};

}  // namespace mail
