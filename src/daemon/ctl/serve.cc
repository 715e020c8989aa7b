#include "daemon/ctl/serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon/assembly/outbound.h"
#include "daemon/assembly/server.h"
#include "daemon/ctl/control_server.h"
#include "platform/log/json_sink.h"
#include "platform/os/file.h"

namespace mail::ctl {
namespace {

constexpr rlim_t kManyFiles = 1U << 20;

// A session takes a descriptor; the usual soft limit of 1024 is for programs that use select().
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlimit wanted{kManyFiles, std::max(limit.rlim_max, kManyFiles)};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;  // only root may raise the hard limit
  wanted = {std::min(limit.rlim_max, kManyFiles), limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  log::warning("serve.file_limit", {{"limit", limit.rlim_cur}});
}

// Signals are taken one by one by the main thread; threads started later inherit the mask.
sigset_t block_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGINT, SIGTERM}) ::sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int next_signal(const sigset_t& signals) {
  int number = 0;
  while (::sigwait(&signals, &number) != 0) {
  }
  return number;
}

// "FILE:LINE" of the first line that has `word` in it; the file alone where none has.
std::string place_of(const std::string& config, std::string_view word) {
  const Result<std::string> text = os::read_file(config);
  std::size_t number = 0;
  if (text && !word.empty()) {
    for (const std::string_view line : split(*text, '\n')) {
      ++number;
      if (line.find(word) != std::string_view::npos) return concat(config, ':', number);
    }
  }
  return config;
}

// Names the place in the file of the listener that could not be opened.
Refusal listen_refusal(const std::string& config, const Settings& settings, const Error& error) {
  std::string address;
  for (const auto& listener : settings.listeners) {
    if (error.detail.find(listener->address) != std::string::npos) address = listener->address;
  }
  std::string_view remedy = ". Choose another address or port.";
  if (error.code == Errc::already_exists) {
    remedy = ". Stop that process (`ss -ltnp` names it), or choose another port.";
  } else if (error.code == Errc::not_allowed) {
    remedy = ". Start as root, or choose a port above 1023.";
  }
  // An address this machine has not is a mistake in the file.
  return {error.code == Errc::not_found ? Exit::config : exit_of(error.code),
          concat(place_of(config, address), ": listener.address: ", error.detail, remedy)};
}

Refusal open_refusal(const std::string& config, const Error& error) {
  Refusal refusal(error);
  if (error.code == Errc::invalid_argument || error.code == Errc::tls_failed) {
    refusal.exit = Exit::config;
    refusal.text = concat(place_of(config, "certificate"), ": ", refusal.text);
  } else {
    refusal.text = concat(place_of(config, "state"), ": state: ", refusal.text);
  }
  return refusal;
}

void say_listeners(const ServerStatus& status) {
  for (const ListenerStatus& listener : status.listeners) {
    log::info("serve.listening",
              {{"address", listener.address}, {"role", listener.role}, {"tls", listener.tls}});
  }
}

void say_ready(const ServerStatus& status) {
  say_listeners(status);
  log::info("serve.ready", {{"version", status.version},
                            {"hostname", status.hostname},
                            {"state", status.state},
                            {"process", status.process},
                            {"listeners", status.listeners.size()}});
}

void reload(Server& server, const std::string& config) {
  const auto loaded = load_settings(config);
  if (!loaded) {
    log::error("serve.reload_refused",
               {{"why", to_string(loaded.error())}, {"now", "the old configuration goes on"}});
    return;
  }
  const Result<void> done = server.reload(**loaded);
  if (!done) {
    log::error("serve.reload_refused",
               {{"why", describe(done.error())}, {"now", "the old configuration goes on"}});
    return;
  }
  say_listeners(server.status());
  log::info("serve.reloaded", {{"config", config}});
}

Outgoing outgoing_of(Server& server) {
  std::shared_ptr<const Settings> settings = server.settings();
  std::shared_ptr<const mx::MxWorld> world = mx_world(*settings);
  return {std::move(settings), std::move(world), server.resolver()};
}

// A full disk is waited out, even where there is not the little that opening the stores takes:
// there is nothing else that whoever starts us again could do.
Result<std::unique_ptr<Server>> open_when_there_is_space(
    const std::shared_ptr<const Settings>& settings, const sigset_t& signals, const Clock& clock,
    log::JsonSink& sink) {
  constexpr timespec kAgain{.tv_sec = 1, .tv_nsec = 0};
  for (bool said = false;; said = true) {
    auto server = Server::open(settings, clock, sink);
    if (server || server.error().code != Errc::storage_full) return server;
    if (!said) log::error("serve.waiting_for_space", {{"why", describe(server.error())}});
    const int number = ::sigtimedwait(&signals, nullptr, &kAgain);
    if (number == SIGINT || number == SIGTERM) return server;
  }
}

Answer serve_until_stopped(const std::string& config, std::shared_ptr<const Settings> settings,
                           const sigset_t& signals, const Clock& clock, log::JsonSink& sink) {
  auto server = open_when_there_is_space(settings, signals, clock, sink);
  if (!server) return std::unexpected(open_refusal(config, server.error()));
  Server& running = **server;

  // The control socket answers before the first greeting (design §7).
  WorkerPool admin_pool(1, 64);
  const std::filesystem::path socket = std::filesystem::path(settings->state) / kSocketName;
  auto control =
      ControlServer::start(socket, Admin{running.control(), running.store(), admin_pool, clock,
                                         [&running] { return running.status(); }, &running.queue(),
                                         [&running] { return outgoing_of(running); },
                                         &running.keeper(), &running.reports(), settings->state});
  if (!control) return std::unexpected(Refusal(control.error()));

  const Result<void> listening = running.listen();
  if (!listening) return std::unexpected(listen_refusal(config, *settings, listening.error()));
  say_ready(running.status());
  sink.flush();

  for (;;) {
    const int number = next_signal(signals);
    if (number != SIGHUP) {
      log::info("serve.stopping", {{"signal", number == SIGINT ? "SIGINT" : "SIGTERM"}});
      break;
    }
    reload(running, config);
  }
  running.stop();
  control->reset();
  server->reset();
  log::info("serve.stopped");
  return {};
}

}  // namespace

Answer run_serve(const std::string& config, std::shared_ptr<const Settings> settings,
                 const Clock& clock) {
  const sigset_t signals = block_signals();
  Answer answer;
  {
    log::JsonSink sink(STDERR_FILENO, clock);
    log::set_sink(&sink, settings->log.level);
    raise_file_limit();
    answer = serve_until_stopped(config, std::move(settings), signals, clock, sink);
    if (!answer) log::error("serve.failed", {{"why", answer.error().text}});
    log::set_sink(nullptr);
  }
  return answer;
}

}  // namespace mail::ctl
