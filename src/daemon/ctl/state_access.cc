#include "daemon/ctl/state_access.h"

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon/assembly/state.h"
#include "daemon/ctl/commands.h"
#include "platform/log/json_sink.h"

namespace mail::ctl {
namespace {

class SinkOutput final : public Output {
 public:
  explicit SinkOutput(const Sink& sink) : sink_(sink) {}
  Task<Result<void>> write(std::string bytes) override { co_return sink_(bytes); }

 private:
  const Sink& sink_;
};

class Listening {
 public:
  explicit Listening(log::Sink& sink) { log::set_sink(&sink, log::Level::error); }
  ~Listening() { log::set_sink(nullptr); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
};

}  // namespace

Answer run_on_state(const Settings& settings, const Request& request, const Sink& out,
                    const Clock& clock) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(settings.state, ignored)) {
    return refuse(Exit::no_input, concat("There is no state at ", settings.state,
                                         "; `mailwright serve` makes it when it first starts."));
  }
  // What a store that is opened has to say of lost mail is said once: here nobody else hears it.
  log::JsonSink sink(STDERR_FILENO, clock);
  const Listening listening(sink);
  if (request.noun == "store" && request.verb == "salvage") {
    return salvage_state(settings.state, request, out, clock);
  }
  MAIL_TRY(const std::unique_ptr<State> state, State::open(settings.state, clock));
  WorkerPool pool(1, 64);
  Admin admin{*state->control, *state->store, pool,           clock,    {}, nullptr, {},
              nullptr,         nullptr,       settings.state, &settings};
  SinkOutput output(out);
  LoopExecutor loop;
  const Handler handler = find_handler(request.noun, request.verb);
  MAIL_ASSERT(handler != nullptr);
  return block_on(loop, handler(admin, request, output));
}

}  // namespace mail::ctl
