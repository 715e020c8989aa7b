#include "daemon/ctl/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "daemon/assembly/status.h"
#include "daemon/ctl/auth.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/config_json.h"
#include "daemon/ctl/control_client.h"
#include "daemon/ctl/control_server.h"
#include "daemon/ctl/send_command.h"
#include "daemon/ctl/serve.h"
#include "daemon/ctl/state_access.h"
#include "daemon/settings/commands.h"
#include "daemon/settings/settings.h"
#include "platform/password/password.h"

namespace mail::ctl {
namespace {

constexpr const char* kDefaultConfig = "/etc/mailwright/mailwright.toml";

Result<void> write_out(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
  return fail(Errc::io_error, "standard output does not take what is written");
}

int finish(const Answer& answer) {
  if (answer && std::fflush(stdout) == 0) return 0;
  const Refusal refusal =
      answer ? Refusal(Exit::io, "Standard output does not take what is written.") : answer.error();
  const std::string line = concat("mailwright: ", refusal.text, '\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
  return static_cast<int>(refusal.exit);
}

int finish(const CommandText& answer) {
  std::FILE* where = answer.exit_status == 0 ? stdout : stderr;
  std::fwrite(answer.text.data(), 1, answer.text.size(), where);
  return answer.exit_status;
}

std::string config_path(const cli::Invocation& invocation) {
  if (!invocation.config.empty()) return invocation.config;
  const char* named = std::getenv("MAILWRIGHT_CONFIG");
  return named != nullptr && *named != '\0' ? named : kDefaultConfig;
}

std::expected<std::shared_ptr<const Settings>, Refusal> read_settings(const std::string& path) {
  auto settings = load_settings(path);
  if (settings) return *settings;
  std::string text = concat("the configuration is not accepted.\n", to_string(settings.error()));
  text.pop_back();
  return refuse(Exit::config, std::move(text));
}

bool takes_password(const cli::Command& command) {
  return std::ranges::any_of(command.options, [](const cli::Option& option) {
    return option.name == "--password-hash-stdin";
  });
}

std::expected<Request, Refusal> make_request(const cli::Invocation& invocation) {
  Request request{std::string(invocation.command->noun),
                  std::string(invocation.command->verb),
                  invocation.values,
                  invocation.json,
                  {},
                  {}};
  const bool open = request.has("--password-stdin");
  const bool hashed = request.has("--password-hash-stdin");
  if (open == hashed && takes_password(*invocation.command)) {
    return refuse(Exit::usage,
                  concat(request.noun, ' ', request.verb,
                         " needs one password: give either --password-stdin or, for the hash of "
                         "another server, --password-hash-stdin."));
  }
  if (open || hashed) {
    MAIL_TRY(request.secret, read_password_line(STDIN_FILENO));
  }
  for (auto& [name, values] : request.values) {
    // The daemon has another working directory.
    if (name != "DIR" && !(name == "FILE" && request.noun == "store")) continue;
    for (std::string& value : values) value = std::filesystem::absolute(value);
  }
  return request;
}

Refusal not_running(const std::string& config, const std::filesystem::path& socket,
                    const Error& error) {
  if (error.code == Errc::not_allowed) {
    return {Exit::not_permitted,
            concat("The control socket ", socket.string(), " is not ours to use (", error.detail,
                   "). Run this command as root or as the user the daemon runs as.")};
  }
  if (error.code == Errc::overloaded || error.code == Errc::closed) {
    return {Exit::try_later,
            concat("Mailwright did not answer to the end at ", socket.string(), " (", error.detail,
                   "): it stops, or is given too many commands at once. Try again.")};
  }
  return {Exit::unavailable,
          concat("Mailwright does not run: nobody answers at ", socket.string(), " (", error.detail,
                 "). Start it with `mailwright serve --config ", config, "`.")};
}

// Through the daemon; without one, a command on the stores opens the state itself.
Answer run_command(const cli::Invocation& invocation, const Settings& settings,
                   const std::string& config, const Clock& clock) {
  MAIL_TRY(Request request, make_request(invocation));
  const std::filesystem::path socket = std::filesystem::path(settings.state) / kSocketName;
  const Result<Answer> answer = call(socket, request, write_out, clock);
  password::wipe(request.secret);
  if (answer) return *answer;
  const Errc why = answer.error().code;
  const bool absent = why == Errc::not_found || why == Errc::unavailable;
  if (absent && invocation.command->needs == cli::Needs::store) {
    return run_on_state(settings, request, write_out, clock);
  }
  return std::unexpected(not_running(config, socket, answer.error()));
}

int run_config(const cli::Invocation& invocation, const std::string& config) {
  const std::string_view verb = invocation.command->verb;
  if (verb == "check") return finish(config_check(config));
  const bool json = invocation.json;
  if (verb == "explain") {
    const std::string key = invocation.text("KEY");
    return finish(json ? explain_json(key) : config_explain(key));
  }
  if (invocation.has("--defaults")) {
    return finish(CommandText{0, json ? json_of(default_tree()) : config_dump_defaults()});
  }
  const auto settings = read_settings(config);
  if (!settings) return finish(std::unexpected(settings.error()));
  return finish(CommandText{0, json ? json_of(config_tree(**settings)) : config_dump(**settings)});
}

// A configuration is read only where one is named: these need none.
int run_auth_command(const cli::Invocation& invocation, const Clock& clock) {
  std::shared_ptr<const Settings> settings;
  if (!invocation.config.empty()) {
    const auto read = read_settings(invocation.config);
    if (!read) return finish(std::unexpected(read.error()));
    settings = *read;
  }
  return finish(run_auth(invocation, settings.get(), clock));
}

}  // namespace

int run_program(int argc, char** argv, const Clock& clock) {
  ::umask(0077);  // whatever is made, in the state or in a backup, is ours alone
  const auto invocation =
      cli::parse(commands(), std::vector<std::string>(argv + 1, argv + argc), kVersion);
  if (!invocation) {
    const cli::Usage& usage = invocation.error();
    std::FILE* where = usage.exit_code == 0 ? stdout : stderr;
    std::fwrite(usage.text.data(), 1, usage.text.size(), where);
    return usage.exit_code;
  }
  const std::string config = config_path(*invocation);
  const std::string_view noun = invocation->command->noun;
  if (noun == "send") return finish(run_send(*invocation));
  if (noun == "auth") return run_auth_command(*invocation, clock);
  if (noun == "config") return run_config(*invocation, config);
  const auto settings = read_settings(config);
  if (!settings) return finish(std::unexpected(settings.error()));
  if (noun == "serve") return finish(run_serve(config, *settings, clock));
  return finish(run_command(*invocation, **settings, config, clock));
}

}  // namespace mail::ctl
