#include "platform/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "base/text.h"

namespace mail::cli {
namespace {

constexpr int kUsage = 64;  // sysexits EX_USAGE

using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

std::string full_name(const Command& command) {
  return command.verb.empty() ? std::string(command.noun) : concat(command.noun, ' ', command.verb);
}

std::vector<std::string_view> nouns_of(std::span<const Command> table) {
  std::vector<std::string_view> nouns;
  for (const Command& command : table) {
    if (std::ranges::find(nouns, command.noun) == nouns.end()) nouns.push_back(command.noun);
  }
  return nouns;
}

std::vector<std::string_view> verbs_of(std::span<const Command> table, std::string_view noun) {
  std::vector<std::string_view> verbs;
  for (const Command& command : table) {
    if (command.noun == noun && !command.verb.empty()) verbs.push_back(command.verb);
  }
  return verbs;
}

const Command* find(std::span<const Command> table, std::string_view noun, std::string_view verb) {
  for (const Command& command : table) {
    if (command.noun == noun && command.verb == verb) return &command;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (const std::string_view word : words) append(out, out.empty() ? "" : ", ", word);
  return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view near = nearest(word, known);
  return near.empty() ? std::string() : concat(" Did you mean `", near, "`?");
}

// The words of a command line that are no options, as far as noun and verb go.
std::vector<std::string> leading_words(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size() && words.size() < 2; ++i) {
    if (arguments[i] == "--config") {
      ++i;
    } else if (!arguments[i].starts_with('-')) {
      words.push_back(arguments[i]);
    }
  }
  return words;
}

// What is wrong with noun and verb; empty where both are known.
std::string name_problem(std::span<const Command> table, const std::vector<std::string>& words) {
  const std::vector<std::string_view> nouns = nouns_of(table);
  if (words.empty()) return "no command given.";
  if (std::ranges::find(nouns, std::string_view(words[0])) == nouns.end()) {
    return concat("unknown command `", words[0], "`.", did_you_mean(words[0], nouns));
  }
  const std::vector<std::string_view> verbs = verbs_of(table, words[0]);
  if (verbs.empty()) return {};
  if (words.size() < 2) return concat('`', words[0], "` needs one of: ", joined(verbs), '.');
  if (std::ranges::find(verbs, std::string_view(words[1])) != verbs.end()) return {};
  return concat("`", words[0], "` has no `", words[1], "`.", did_you_mean(words[1], verbs),
                " It has: ", joined(verbs), '.');
}

std::string unknown_option(const Command& command, const std::vector<std::string>& arguments) {
  std::vector<std::string_view> known = {"--config", "--help"};
  if (command.takes_json) known.push_back("--json");
  for (const Option& option : command.options) known.push_back(option.name);
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    if (!name.starts_with("--") || std::ranges::find(known, name) != known.end()) continue;
    return concat('`', full_name(command), "` has no option `", name, "`.",
                  did_you_mean(name, known));
  }
  return {};
}

// Binds one row of the table to a CLI11 subcommand.
void declare(CLI::App& app, const Command& command, Values& values, bool& json) {
  for (const Positional& positional : command.positionals) {
    const std::string name(positional.name);
    CLI::Option* option = app.add_option(name, values[name]);
    if (positional.count == Count::one || positional.count == Count::many) option->required();
    if (positional.count == Count::many || positional.count == Count::any) {
      option->expected(1, CLI::detail::expected_max_vector_size);
    } else {
      option->expected(1)->allow_extra_args(false);
    }
  }
  for (const Option& row : command.options) {
    const std::string name(row.name);
    if (row.takes == Takes::flag) {
      app.add_flag_callback(name, [&values, name] { values[name] = {""}; });
      continue;
    }
    CLI::Option* option = app.add_option(name, values[name]);
    // One value each time, so that `--to ADDRESS FILE` does not take the file for an address.
    option->allow_extra_args(false);
    if (row.takes == Takes::value) {
      option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
    if (row.required) option->required();
  }
  if (command.takes_json) app.add_flag("--json", json);
}

struct Program {
  CLI::App app;
  std::map<const Command*, Values> values;
  std::map<const Command*, CLI::App*> leaves;
  std::string config;
  bool json = false;
};

std::unique_ptr<Program> build(std::span<const Command> table) {
  auto program = std::make_unique<Program>();
  program->app.name("mailwright");
  program->app.add_option("--config", program->config);
  program->app.require_subcommand(0, 1);
  std::map<std::string_view, CLI::App*> nouns;
  for (const Command& command : table) {
    CLI::App*& noun = nouns[command.noun];
    if (noun == nullptr) {
      noun = program->app.add_subcommand(std::string(command.noun));
      noun->fallthrough();  // lets --config stand behind
    }
    CLI::App* leaf = noun;
    if (!command.verb.empty()) {
      leaf = noun->add_subcommand(std::string(command.verb));
      leaf->fallthrough();
    }
    program->leaves[&command] = leaf;
    declare(*leaf, command, program->values[&command], program->json);
  }
  return program;
}

Usage usage_error(const std::string& why, const Command* command) {
  std::string text = concat("mailwright: ", why, '\n');
  if (command == nullptr) {
    append(text, "`mailwright --help` lists the commands.\n");
  } else {
    append(text, "usage: ", synopsis(*command), '\n');
  }
  return {kUsage, std::move(text)};
}

std::string help_text(std::span<const Command> table, const std::vector<std::string>& words) {
  if (words.empty() || !name_problem(table, {words[0]}).starts_with('`')) {
    if (words.empty()) return overview(table);
    const Command* single = find(table, words[0], "");
    return single == nullptr ? overview(table) : help_of(*single);
  }
  if (words.size() > 1) {
    if (const Command* command = find(table, words[0], words[1])) return help_of(*command);
  }
  std::string out;
  for (const Command& command : table) {
    if (command.noun == words[0]) append(out, help_of(command), '\n');
  }
  return out;
}

bool asks_for_help(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "help") return true;
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-h") return true;
  }
  return false;
}

}  // namespace

bool Invocation::has(std::string_view name) const {
  return std::ranges::any_of(values, [&](const auto& entry) { return entry.first == name; });
}

std::string Invocation::text(std::string_view name) const {
  const std::vector<std::string> all = texts(name);
  return all.empty() ? std::string() : all.front();
}

std::vector<std::string> Invocation::texts(std::string_view name) const {
  for (const auto& [key, found] : values) {
    if (key == name) return found;
  }
  return {};
}

std::expected<Invocation, Usage> parse(std::span<const Command> table,
                                       const std::vector<std::string>& arguments,
                                       std::string_view version) {
  if (arguments.size() == 1 && arguments[0] == "--version") {
    return std::unexpected(Usage{0, concat("mailwright ", version, '\n')});
  }
  std::vector<std::string> words = leading_words(arguments);
  if (asks_for_help(arguments)) {
    if (!words.empty() && words[0] == "help") {
      words = leading_words({arguments.begin() + 1, arguments.end()});
    }
    return std::unexpected(Usage{0, help_text(table, words)});
  }
  if (const std::string problem = name_problem(table, words); !problem.empty()) {
    return std::unexpected(usage_error(problem, nullptr));
  }
  const Command* command = find(table, words[0], "");
  if (command == nullptr) command = find(table, words[0], words[1]);

  const std::unique_ptr<Program> program = build(table);
  try {
    program->app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const std::string unknown = unknown_option(*command, arguments);
    return std::unexpected(usage_error(
        unknown.empty() ? concat('`', full_name(*command), "`: ", error.what()) : unknown,
        command));
  }
  Invocation invocation{command, {}, std::move(program->config), program->json};
  for (auto& [name, found] : program->values[command]) {
    if (!found.empty()) invocation.values.emplace_back(name, std::move(found));
  }
  return invocation;
}

std::string synopsis(const Command& command) {
  std::string out = concat("mailwright ", full_name(command));
  for (const Positional& positional : command.positionals) {
    switch (positional.count) {
      case Count::one:
        append(out, ' ', positional.name);
        break;
      case Count::optional:
        append(out, " [", positional.name, ']');
        break;
      case Count::many:
        append(out, ' ', positional.name, "...");
        break;
      case Count::any:
        append(out, " [", positional.name, "...]");
        break;
    }
  }
  for (const Option& option : command.options) {
    append(out, option.required ? " " : " [", option.name);
    if (option.takes != Takes::flag) append(out, ' ', option.value_name);
    if (option.takes == Takes::values) out += "...";
    if (!option.required) out += ']';
  }
  if (command.takes_json) out += " [--json]";
  return out;
}

namespace {

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size() + 2), ' ');
  return out;
}

std::string_view needs_text(Needs needs) {
  switch (needs) {
    case Needs::nothing:
      return "Works without a configuration file and without the daemon.";
    case Needs::config:
      return "Works without the daemon.";
    case Needs::daemon:
      return "Talks to the running daemon.";
    case Needs::store:
      return "Goes through the daemon while it runs, else opens the state itself.";
  }
  return {};
}

}  // namespace

std::string overview(std::span<const Command> table) {
  std::string out =
      "Mailwright, the mail service of an organisation.\n\n"
      "usage: mailwright COMMAND [--config FILE]\n\n";
  for (const Command& command : table) {
    append(out, "  ", padded(full_name(command), 18), command.help, '\n');
  }
  append(out,
         "\n`mailwright COMMAND --help` explains one. The configuration is the file named by\n"
         "--config, by MAILWRIGHT_CONFIG, or /etc/mailwright/mailwright.toml.\n");
  return out;
}

std::string help_of(const Command& command) {
  std::string out = concat("usage: ", synopsis(command), "\n\n", command.help, '\n');
  if (!command.options.empty()) out += '\n';
  for (const Option& option : command.options) {
    std::string name(option.name);
    if (option.takes != Takes::flag) append(name, ' ', option.value_name);
    append(out, "  ", padded(name, 26), option.help, '\n');
  }
  append(out, '\n', needs_text(command.needs), '\n');
  return out;
}

std::string markdown(std::span<const Command> table) {
  std::string out =
      "# Commands\n\n"
      "Generated from the command table; `MAIL_UPDATE_DOCS=1` with the tests of `daemon/ctl` "
      "rewrites it.\n\n"
      "Every command takes `--config FILE`, also behind its own arguments; without it "
      "`MAILWRIGHT_CONFIG` or\n`/etc/mailwright/mailwright.toml` is read. `--json` prints what "
      "programs read; lists are one array of all\nrows. Exit codes follow sysexits: 0 done, 64 "
      "usage, 65 bad data, 66 and 67 not found, 69 the daemon does\nnot run, 73 cannot create, 74 "
      "input or output, 75 try again later, 77 not permitted, 78 configuration.\n";
  std::string_view noun;
  for (const Command& command : table) {
    if (command.noun != noun) append(out, "\n## ", command.noun, '\n');
    noun = command.noun;
    append(out, "\n    ", synopsis(command), "\n\n", command.help, ' ', needs_text(command.needs),
           '\n');
    if (!command.options.empty()) out += '\n';
    for (const Option& option : command.options) {
      append(out, "- `", option.name);
      if (option.takes != Takes::flag) append(out, ' ', option.value_name);
      append(out, "`: ", option.help, '\n');
    }
  }
  return out;
}

}  // namespace mail::cli
