// Who is let in: the judges of mx listeners with what they share. The neighbours (rspamd, clamd,
// milters) are asked between those that find out and the one that decides.
// Threads: open and reload from the owner's; judges are asked on I/O threads.
#pragma once

#include <filesystem>
#include <memory>

#include "base/task.h"
#include "service/door/authentication.h"
#include "service/door/greylist.h"
#include "service/door/policy.h"
#include "service/door/screen.h"
#include "service/door/tools.h"

namespace mail::door {

class Door {
 public:
  // What `examiner`, `control` and `dispositions` refer to outlives the door. `state`: the folder
  // in which is kept what was learnt; empty: nothing is.
  Door(const ExaminerTools& examiner, ControlStore& control,
       std::shared_ptr<const Settings> settings, std::filesystem::path state,
       DispositionSink* dispositions = nullptr);
  ~Door();  // keeps what was learnt
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // In the order in which they are to be asked: first(), others, last().
  std::vector<Judge*> first() { return {&screen_, &authentication_, &greylisting_}; }
  Judge* last() { return &policy_; }

  void reload(std::shared_ptr<const Settings> settings) { settings_.set(std::move(settings)); }
  void save() const;  // what was learnt; failures go to the log
  // About once a second, never twice at once, on a thread that serves an executor: has a look at
  // lists that are new in the settings.
  Task<void> tick();

 private:
  CurrentSettings settings_;
  Tools tools_;
  std::filesystem::path file_;
  GreylistTable greylist_;
  Screen screen_;
  Authentication authentication_;
  Greylisting greylisting_;
  Policy policy_;
  std::shared_ptr<const Settings> looked_at_;  // tick()'s
};

}  // namespace mail::door
