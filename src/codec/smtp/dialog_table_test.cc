#include "codec/smtp/dialog_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace mail::smtp {

namespace {

// What can not be, by construction. Everything else must have a dialogue.
struct Impossible {
  bool (*applies)(const Cell& cell);
  std::string_view reason;
};
constexpr auto kImpossible = std::to_array<Impossible>({
    {[](const Cell& cell) { return cell.row == "(content)" && cell.column != "data"; },
     "content is read in phase data only"},
    {[](const Cell& cell) { return cell.row == "(response)" && cell.column != "login"; },
     "responses are read in phase login only"},
    {[](const Cell& cell) { return cell.row != "(content)" && cell.column == "data"; },
     "in phase data every line is content, whatever it looks like"},
    {[](const Cell& cell) { return cell.row != "(response)" && cell.column == "login"; },
     "in phase login every line is a response, whatever it looks like"},
    {[](const Cell& cell) {
       return cell.role == Role::mx && (cell.column == "logged in" || cell.column == "login");
     },
     "AUTH is never offered on mx, and refused"},
});

std::string_view why_impossible(const Cell& cell) {
  for (const Impossible& rule : kImpossible) {
    if (rule.applies(cell)) return rule.reason;
  }
  return {};
}

std::vector<std::string> rows() {
  std::vector<std::string> rows;
  for (std::size_t verb = 0; verb < kVerbCount; ++verb) {
    rows.emplace_back(to_string(static_cast<Verb>(verb)));
  }
  rows.insert(rows.end(), {"(content)", "(response)"});
  return rows;
}

constexpr auto kRoles = std::to_array<Role>({Role::mx, Role::submission, Role::relay});

constexpr auto kParameters = std::to_array<std::string_view>(
    {"SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID", "NOTIFY", "ORCPT", "REQUIRETLS", "HOLDFOR",
     "HOLDUNTIL", "BY", "MT-PRIORITY"});

bool is_for_submission(std::string_view keyword) {
  return keyword == "HOLDFOR" || keyword == "HOLDUNTIL" || keyword == "BY" ||
         keyword == "MT-PRIORITY";
}

std::string_view why_impossible_parameter(const Cell& cell) {
  const bool known = cell.column != "not known";
  if (known && cell.row == "REQUIRETLS" && !cell.tls) return "under TLS only";
  if (known && is_for_submission(cell.row) && cell.role != Role::submission) {
    return "submission only";
  }
  if (cell.row == "AUTH") {
    if (known && cell.role == Role::mx) return "no login on mx";
    const bool always = cell.role == Role::submission || (cell.role == Role::relay && cell.tls);
    if (!known && always) return "login is offered always";
  }
  return {};
}

template <typename Function>
void for_each_parameter(Function function) {
  for (const std::string_view keyword : kParameters) {
    for (const Role role : kRoles) {
      for (const bool tls : {false, true}) {
        for (const std::string_view column : kParameterColumns) {
          function(Cell{std::string(keyword), role, tls, column});
        }
      }
    }
  }
}

// Replies to verdicts of the services which the world of the dialogues does not give.
constexpr std::string_view kByVerdict = "(ServerSession.EveryVerdictHasItsReply)";
constexpr auto kVerdicts = std::to_array<Reply>(
    {kListTooLong, kTooManyLogins, kTooManyMessages, kTryLater, kStorageFull, kLoginNotNow,
     kMessageRefused, kRecipientRefused, kSenderRefused, kHeaderTooLarge, kTooManyHops,
     kHopUnreachable, kHopSilent, kGoesElsewhere, kNoEightBit});

bool is_verdict(const Reply& reply) {
  return std::ranges::find(kVerdicts, reply.text, &Reply::text) != kVerdicts.end();
}

template <typename Function>
void for_each_line(Function function) {  // of the table
  for (const std::string& row : rows()) {
    for (const Role role : {Role::mx, Role::submission, Role::relay}) {
      for (const bool tls : {false, true}) function(Cell{row, role, tls, {}});
    }
  }
}

std::string_view column_of(const ServerSession& session) {
  switch (session.phase()) {
    case Phase::connected:
      return "connected";
    case Phase::greeted:
      return session.client().login.empty() ? "greeted" : "logged in";
    case Phase::mail:
      return "mail";
    case Phase::recipients:
      return "recipients";
    case Phase::data:
      return "data";
    case Phase::chunks:
      return "chunks";
    case Phase::login:
      return "login";
    case Phase::closed:
      break;
  }
  return "closed";
}

}  // namespace

Cell DialogTable::cell_of(const ServerSession& session, const SmtpListener& listener) {
  return {{}, listener.role, session.client().tls.has_value(), column_of(session)};
}

void DialogTable::add(const Cell& cell, const std::string& dialog) {
  const auto [found, is_new] = cells_.try_emplace(cell, dialog);
  const std::string named = concat("table/", to_lower(cell.row), "-");
  if (!is_new && !found->second.starts_with(named) && dialog.starts_with(named)) {
    found->second = dialog;
  }
}

void DialogTable::add_answer(const Cell& cell, std::string_view command, std::string_view reply,
                             const std::string& dialog) {
  for (const Reply& known : kCatalogue) {
    if (known.text == reply) replies_.try_emplace(known.text, dialog);
  }
  const CommandLine line = parse_command(command);
  if (line.verb != Verb::mail && line.verb != Verb::rcpt) return;
  const std::string_view column = reply.starts_with("250")   ? kParameterColumns[0]
                                  : reply.starts_with("501") ? kParameterColumns[1]
                                  : reply.starts_with("555") ? kParameterColumns[2]
                                                             : std::string_view();
  // The address is one word in every dialogue that is about parameters.
  const auto words = split(line.argument, ' ');
  for (std::size_t i = 1; i < words.size() && !column.empty(); ++i) {
    for (const std::string_view keyword : kParameters) {
      if (!iequals(words[i].substr(0, words[i].find('=')), keyword)) continue;
      // Where there are several it may have been another one that was refused.
      if (words.size() > 2 && column != kParameterColumns[0]) continue;
      parameters_.try_emplace({std::string(keyword), cell.role, cell.tls, column}, dialog);
    }
  }
}

std::vector<std::string> DialogTable::empty_cells() const {
  std::vector<std::string> empty;
  for_each_parameter([&](const Cell& cell) {
    if (parameters_.contains(cell) || !why_impossible_parameter(cell).empty()) return;
    empty.push_back(concat(cell.row, " on ", to_string(cell.role), cell.tls ? " under TLS" : "",
                           " ", cell.column));
  });
  for (const Reply& reply : kCatalogue) {
    if (replies_.contains(reply.text) || is_verdict(reply)) continue;
    empty.push_back(concat("the reply ", reply.text));
  }
  for_each_line([&](Cell cell) {
    for (const std::string_view column : kColumns) {
      cell.column = column;
      if (cells_.contains(cell) || !why_impossible(cell).empty()) continue;
      empty.push_back(concat(cell.row, " on ", to_string(cell.role), cell.tls ? " under TLS" : "",
                             " in phase ", column));
    }
  });
  return empty;
}

std::string DialogTable::to_markdown() const {
  std::string out =
      "# Which dialogue exercises what\n\n"
      "Generated by `MAIL_UPDATE_TABLE=1 mail_codec_smtp_test`; compared with the dialogues by the "
      "same\n"
      "program. A cell names the first dialogue (below `smtp/`) in which the verb comes on a "
      "listener of\n"
      "that role, with or without TLS, in that phase of the session. A number: impossible, see "
      "below.\n\n"
      "| verb | role | TLS |";
  for (const std::string_view column : kColumns) append(out, " ", column, " |");
  out += "\n|---|---|---|";
  for (std::size_t i = 0; i < kColumns.size(); ++i) out += "---|";
  out += "\n";
  for_each_line([&](Cell cell) {
    append(out, "| ", cell.row, " | ", to_string(cell.role), " | ", cell.tls ? "yes" : "no", " |");
    for (const std::string_view column : kColumns) {
      cell.column = column;
      const auto found = cells_.find(cell);
      if (found != cells_.end()) {
        append(out, " ", found->second, " |");
        continue;
      }
      std::size_t number = 0;
      while (number < kImpossible.size() && !kImpossible[number].applies(cell)) ++number;
      append(out, " ", number + 1, " |");
    }
    out += "\n";
  });
  out += "\n";
  for (std::size_t i = 0; i < kImpossible.size(); ++i) {
    append(out, i + 1, ". ", kImpossible[i].reason, "\n");
  }
  append_parameters(out);
  append_replies(out);
  return out;
}

void DialogTable::append_parameters(std::string& out) const {
  out += "\n## Parameters of MAIL and RCPT\n\n| parameter | role | TLS |";
  for (const std::string_view column : kParameterColumns) append(out, " ", column, " |");
  out += "\n|---|---|---|---|---|---|";
  for_each_parameter([&](const Cell& cell) {
    if (cell.column == kParameterColumns[0]) {
      append(out, "\n| ", cell.row, " | ", to_string(cell.role), " | ", cell.tls ? "yes" : "no",
             " |");
    }
    const auto found = parameters_.find(cell);
    const std::string_view why = why_impossible_parameter(cell);
    append(out, " ", found != parameters_.end() ? std::string_view(found->second) : why, " |");
  });
  out += "\n";
}

void DialogTable::append_replies(std::string& out) const {
  out += "\n## Replies\n\n| reply | dialogue |\n|---|---|\n";
  for (const Reply& reply : kCatalogue) {
    const auto found = replies_.find(reply.text);
    append(out, "| ", reply.text, " | ",
           found != replies_.end() ? std::string_view(found->second) : kByVerdict, " |\n");
  }
}

namespace {

TEST(DialogTable, AnEmptyTableLacksEveryCellThatIsPossible) {
  const auto empty = DialogTable().empty_cells();
  const std::set<std::string> names(empty.begin(), empty.end());
  EXPECT_EQ(names.size(), empty.size());
  EXPECT_TRUE(names.contains("AUTH on relay under TLS in phase recipients"));
  EXPECT_TRUE(names.contains("(content) on mx in phase data"));
  EXPECT_FALSE(names.contains("NOOP on mx in phase login"));
}

}  // namespace
}  // namespace mail::smtp
