// The command line as one table: parser, help texts and docs/commands.md come from its rows.
// Pure but for memory; CLI11 does the parsing and no header shows it. Views in the table must
// outlive what is made from it (they are literals).
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mail::cli {

enum class Takes : std::uint8_t { flag, value, values };  // values: may be given again
struct Option {
  std::string_view name;  // "--owner"
  Takes takes = Takes::flag;
  std::string_view value_name;  // "ADDRESS"; empty for a flag
  std::string_view help;
  bool required = false;
};

enum class Count : std::uint8_t { one, optional, many, any };  // many: at least one
struct Positional {
  std::string_view name;  // "ADDRESS"
  Count count = Count::one;
};

// What a command works with; said in its help.
enum class Needs : std::uint8_t {
  nothing,  // no configuration file
  config,   // reads the configuration
  daemon,   // talks to the running daemon
  store,    // the daemon while it runs, else the state itself
};

struct Command {
  std::string_view noun;
  std::string_view verb;  // empty for `serve`, `status`, `send`
  std::vector<Positional> positionals;
  std::vector<Option> options;
  bool takes_json = false;  // offers --json
  Needs needs = Needs::daemon;
  std::string_view help;  // one sentence
};

struct Invocation {
  const Command* command = nullptr;                                      // a row of the table given
  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // "ADDRESS", "--owner"
  std::string config;                                                    // --config; may be empty
  bool json = false;

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;  // the first value; "" where not given
  std::vector<std::string> texts(std::string_view name) const;
};

// Why nothing is to be run: help that was asked for (exit 0, to stdout) or bad usage (exit 64,
// EX_USAGE).
struct Usage {
  int exit_code = 64;
  std::string text;
};

// `arguments` without the program's name. `--config FILE` may stand anywhere.
std::expected<Invocation, Usage> parse(std::span<const Command> table,
                                       const std::vector<std::string>& arguments,
                                       std::string_view version);

// "mailwright domain add NAME [--owner ADDRESS]"
std::string synopsis(const Command& command);
std::string overview(std::span<const Command> table);  // what `mailwright --help` prints
std::string help_of(const Command& command);
std::string markdown(std::span<const Command> table);  // docs/commands.md

}  // namespace mail::cli
