#include "codec/smtp/dialog_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/text.h"
#include "codec/smtp/command.h"

namespace mail::smtp {

namespace {

using Kind = DialogStep::Kind;

Result<std::string> unescape(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') {
    return fail(Errc::bad_syntax, "C! wants \"bytes\"");
  }
  const std::string_view body = quoted.substr(1, quoted.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out.push_back(body[i]);
      continue;
    }
    if (++i == body.size()) return fail(Errc::bad_syntax, "lone backslash");
    switch (body[i]) {
      case 'r':
        out.push_back('\r');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 't':
        out.push_back('\t');
        break;
      case '0':
        out.push_back('\0');
        break;
      case '\\':
      case '"':
        out.push_back(body[i]);
        break;
      case 'x':
        if (i + 2 >= body.size()) return fail(Errc::bad_syntax, "\\x wants two digits");
        out.push_back(static_cast<char>(
            std::strtol(std::string(body.substr(i + 1, 2)).c_str(), nullptr, 16)));
        i += 2;
        break;
      default:
        return fail(Errc::bad_syntax, "unknown escape");
    }
  }
  return out;
}

template <typename Number>
Result<void> set_number(Number& field, std::string_view value) {
  const auto number = parse_number(value);
  if (!number) return fail(Errc::bad_syntax, "not a number");
  field = static_cast<Number>(*number);
  return {};
}

struct Switch {
  std::string_view key;
  bool SmtpListener::* member;
};
constexpr auto kSwitches = std::to_array<Switch>({
    {"insecure_auth", &SmtpListener::insecure_auth},
    {"pipelining", &SmtpListener::pipelining},
    {"size", &SmtpListener::size},
    {"eight_bit_mime", &SmtpListener::eight_bit_mime},
    {"enhanced_status_codes", &SmtpListener::enhanced_status_codes},
    {"dsn", &SmtpListener::dsn},
    {"smtputf8", &SmtpListener::smtputf8},
    {"requiretls", &SmtpListener::requiretls},
    {"futurerelease", &SmtpListener::futurerelease},
    {"deliverby", &SmtpListener::deliverby},
    {"mt_priority", &SmtpListener::mt_priority},
    {"chunking", &SmtpListener::chunking},
    {"binarymime", &SmtpListener::binarymime},
    {"vrfy", &SmtpListener::vrfy},
    {"expn", &SmtpListener::expn},
    {"limits", &SmtpListener::limits},
});

Result<void> set_header(Dialog& dialog, std::string_view key, std::string_view value) {
  SmtpListener& listener = dialog.listener;
  for (const Switch& each : kSwitches) {
    if (each.key != key) continue;
    if (value != "true" && value != "false") return fail(Errc::bad_syntax, "not true or false");
    listener.*each.member = value == "true";
    return {};
  }
  if (key == "role") {
    listener.role = value == "mx" ? Role::mx : value == "relay" ? Role::relay : Role::submission;
    if (value != to_string(listener.role)) return fail(Errc::bad_syntax, "unknown role");
  } else if (key == "tls") {
    listener.tls = value == "none"       ? TlsMode::none
                   : value == "implicit" ? TlsMode::implicit
                                         : TlsMode::starttls;
  } else if (key == "mode") {
    listener.mode = value == "end-to-end" ? Mode::end_to_end : Mode::store_and_forward;
  } else if (key == "bdat_bare_lf") {
    listener.bdat_bare_lf = value == "normalize" ? BareLf::normalize : BareLf::reject;
  } else if (key == "bare_lf") {
    listener.bare_lf = value == "normalize" ? BareLf::normalize : BareLf::reject;
  } else if (key == "max_message_size") {
    return set_number(listener.max_message_size, value);
  } else if (key == "max_recipients") {
    return set_number(listener.max_recipients, value);
  } else if (key == "max_messages") {
    return set_number(listener.max_messages, value);
  } else if (key == "max_recipient_domains") {
    return set_number(listener.max_recipient_domains, value);
  } else if (key == "max_errors") {
    return set_number(listener.max_errors, value);
  } else if (key == "max_junk_commands") {
    return set_number(listener.max_junk_commands, value);
  } else if (key == "peer") {
    dialog.relay_peer = value == "relay";
  } else if (key == "together") {
    dialog.together = value == "true";
  } else if (key == "only") {
    dialog.only_pure = value == "pure";
  } else if (key == "cram_md5") {
    dialog.cram_md5 = value == "true";
  } else if (key == "certificate") {
    dialog.certificate_broken = value == "broken";
  } else {
    return fail(Errc::bad_syntax, concat("unknown header ", key));
  }
  return {};
}

Result<void> parse_header(Dialog& dialog, std::string_view text) {
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return fail(Errc::bad_syntax, "header without '='");
    MAIL_TRY(set_header(dialog, word.substr(0, equals), word.substr(equals + 1)));
  }
  return {};
}

// "C: x", "C*20: x", "C! "x"", "S+ x": the letter, how often, the mark, the rest.
struct Item {
  char letter = ' ';
  std::uint64_t times = 1;
  char mark = ' ';
  std::string_view rest;
};

Result<Item> parse_item(std::string_view line) {
  Item item;
  item.letter = line[0];
  line.remove_prefix(1);
  if (line.starts_with('*')) {
    const std::size_t end = line.find_first_not_of("0123456789", 1);
    const auto times = parse_number(line.substr(1, end - 1));
    if (!times || end == std::string_view::npos) return fail(Errc::bad_syntax, "bad repetition");
    item.times = *times;
    line.remove_prefix(end);
  }
  if (line.empty()) return fail(Errc::bad_syntax, "unknown line");
  item.mark = line[0];
  item.rest = line.substr(line.size() > 1 && line[1] == ' ' ? 2 : 1);
  return item;
}

Result<void> parse_line(Dialog& dialog, std::string_view line, int number) {
  if (line.empty() || line.starts_with('#')) return {};
  if (line.starts_with("@ ")) return parse_header(dialog, line.substr(2));
  if (line == "TLS") return dialog.steps.push_back({Kind::tls, {}, number}), Result<void>{};
  if (line == "NEW") return dialog.steps.push_back({Kind::fresh, {}, number}), Result<void>{};
  if (line == "SHUTDOWN") {
    return dialog.steps.push_back({Kind::shut_down, {}, number}), Result<void>{};
  }
  if (line.starts_with("WAIT ")) {
    return dialog.steps.push_back({Kind::wait, std::string(line.substr(5)), number}),
           Result<void>{};
  }
  MAIL_TRY(const Item item, parse_item(line));
  DialogStep step{Kind::send, std::string(item.rest), number};
  if (item.letter == 'C' && item.mark == ':') {
    step.text += "\r\n";
  } else if (item.letter == 'C' && item.mark == '!') {
    MAIL_TRY(step.text, unescape(item.rest));
  } else if (item.letter == 'S' && item.mark == ':') {
    step.kind = item.rest == "closed" ? Kind::closed : Kind::expect;
  } else if (item.letter == 'S' && (item.mark == '+' || item.mark == '-')) {
    step.kind = item.mark == '+' ? Kind::some_line : Kind::no_line;
  } else {
    return fail(Errc::bad_syntax, "unknown line");
  }
  dialog.steps.insert(dialog.steps.end(), item.times, step);
  return {};
}

}  // namespace

Result<Dialog> parse_dialog(std::string name, std::string_view text) {
  Dialog dialog;
  dialog.name = std::move(name);
  dialog.listener.hostname = "mx.yahoo.test";
  int number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (auto parsed = parse_line(dialog, line, number); !parsed) {
      return fail(Errc::bad_syntax, concat(dialog.name, ":", number, ": ", parsed.error().detail));
    }
  }
  return dialog;
}

std::vector<Dialog> load_dialogs(const std::string& folder) {
  std::vector<Dialog> dialogs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".dialog") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    auto name = std::filesystem::relative(entry.path(), folder).replace_extension().string();
    auto dialog = parse_dialog(std::move(name), text.str());
    if (!dialog) {
      std::cerr << describe(dialog.error()) << '\n';
      std::abort();
    }
    dialogs.push_back(*std::move(dialog));
  }
  std::ranges::sort(dialogs, {}, &Dialog::name);
  return dialogs;
}

namespace {

// Whether a client may go on without waiting for the answer to what it has just sent.
bool may_go_on(std::string_view sent, bool in_data) {
  if (in_data) return sent == ".\r\n" || sent.ends_with("\r\n.\r\n");
  if (istarts_with(sent, "BDAT ")) return true;  // RFC 3030 §4.2
  if (!sent.ends_with("\r\n")) return false;
  const CommandLine command = parse_command(sent.substr(0, sent.size() - 2));
  switch (command.verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::rset:
      return true;
    case Verb::auth:
      return istarts_with(command.argument, "PLAIN ") &&
             std::ranges::count(command.argument, ' ') == 1;
    default:
      return false;
  }
}

}  // namespace

Dialog pipelined(const Dialog& dialog) {
  Dialog merged = dialog;
  merged.steps.clear();
  std::size_t group_end = 0;  // where more may be put into the group
  bool open = false;          // the group may go on although an answer is due
  bool in_group = false;
  bool in_data = false;
  for (const DialogStep& step : dialog.steps) {
    if (step.kind == Kind::send) {
      const auto at = open || in_group ? group_end : merged.steps.size();
      merged.steps.insert(merged.steps.begin() + static_cast<std::ptrdiff_t>(at), step);
      group_end = at + 1;
      open = may_go_on(step.text, in_data);
      if (in_data && open) in_data = false;
      in_group = true;
      continue;
    }
    merged.steps.push_back(step);
    in_group = false;
    const bool reply =
        step.kind == Kind::expect || step.kind == Kind::some_line || step.kind == Kind::no_line;
    if (!reply) open = false;
    if (step.kind == Kind::expect) in_data = step.text.starts_with("354");
  }
  return merged;
}

namespace {

TEST(DialogFile, ReadsEveryKindOfLine) {
  const auto dialog = parse_dialog("x",
                                   "# comment\n@ role=relay tls=none max_recipients=3\n\nNEW\nTLS\n"
                                   "S: 220 *\nC: EHLO a\nS+ SIZE 1\nS- AUTH *\nS: 250 x\n"
                                   "C*2: RSET\nS*2: 250 *\nC! \"a\\r\\n\\x41\\\"\"\nS: closed\n");
  ASSERT_TRUE(dialog) << dialog.error().detail;
  EXPECT_EQ(dialog->listener.role, Role::relay);
  EXPECT_EQ(dialog->listener.tls, TlsMode::none);
  EXPECT_EQ(dialog->listener.max_recipients, 3U);
  ASSERT_EQ(dialog->steps.size(), 13U);
  EXPECT_EQ(dialog->steps[3].text, "EHLO a\r\n");
  EXPECT_EQ(dialog->steps[11].text, "a\r\nA\"");
  EXPECT_EQ(dialog->steps[12].kind, Kind::closed);
}

TEST(DialogFile, RefusesWhatItDoesNotKnow) {
  for (const std::string_view text : {"X: y\n", "@ colour=red\n", "C! x\n", "@ role=mta\n",
                                      "C*: x\n", "C! \"\\q\"\n", "S? x\n"}) {
    EXPECT_FALSE(parse_dialog("x", text)) << text;
  }
}

TEST(DialogFile, PipelinesOnlyWhatMayBePipelined) {
  const auto dialog = parse_dialog("x",
                                   "S: 220 *\nC: EHLO a\nS: 250 *\nC: MAIL FROM:<>\nS: 250 a\n"
                                   "C: RCPT TO:<a@b.c>\nS: 250 b\nC: DATA\nS: 354 *\nC: x\nC: .\n"
                                   "S: 250 c\nC: RSET\nS: 250 d\nC: NOOP\nS: 250 e\nC: QUIT\n");
  ASSERT_TRUE(dialog);
  std::string order;
  for (const DialogStep& step : pipelined(*dialog).steps) {
    order += step.kind == Kind::send ? concat("C ", step.text.substr(0, 4), "|")
                                     : concat("S ", step.text, "|");
  }
  EXPECT_EQ(order,
            "S 220 *|C EHLO|S 250 *|C MAIL|C RCPT|C DATA|S 250 a|S 250 b|S 354 *|C x\r\n|C .\r\n|"
            "C RSET|C NOOP|S 250 c|S 250 d|S 250 e|C QUIT|");
}

}  // namespace
}  // namespace mail::smtp
