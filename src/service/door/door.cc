#include "service/door/door.h"

#include <utility>

#include "base/log.h"
#include "platform/os/file.h"
#include "service/door/list_check.h"

namespace mail::door {

Door::Door(const ExaminerTools& examiner, ControlStore& control,
           std::shared_ptr<const Settings> settings, std::filesystem::path state,
           DispositionSink* dispositions)
    : settings_(std::move(settings)),
      tools_{examiner, control, settings_, dispositions},
      file_(state.empty() ? state : state / "greylist"),
      screen_(tools_),
      authentication_(tools_),
      greylisting_(tools_, greylist_),
      policy_(tools_) {
  if (file_.empty()) return;
  const Result<std::string> bytes = os::read_file(file_);
  if (!bytes && bytes.error().code == Errc::not_found) return;
  const Result<void> loaded =
      bytes ? greylist_.load(*bytes) : Result<void>(std::unexpected(bytes.error()));
  // It is learnt again: a reason to say so, none to stay away.
  if (!loaded) {
    log::warning("door.greylist_lost",
                 {{"file", file_.string()}, {"error", describe(loaded.error())}});
  }
}

Door::~Door() { save(); }

Task<void> Door::tick() {
  const std::shared_ptr<const Settings> settings = settings_.get();
  const auto before = std::exchange(looked_at_, settings);
  if (before == settings) co_return;
  co_await check_lists(tools_.examiner.resolver, *settings, tools_.clock());
}

void Door::save() const {
  if (file_.empty() || greylist_.size() == 0) return;
  const Result<void> saved = os::replace_file(file_, greylist_.bytes());
  if (!saved) {
    log::warning("door.greylist_not_saved",
                 {{"file", file_.string()}, {"error", describe(saved.error())}});
  }
}

}  // namespace mail::door
