// Tests only: which dialogue exercises which (verb, role, TLS, phase), which parameter and which
// reply; tests/dialogs/TABLE.md.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "codec/smtp/server_session.h"

namespace mail::smtp {

struct Cell {
  std::string row;  // a verb, or "(content)" and "(response)" for lines that are no commands
  Role role = Role::mx;
  bool tls = false;
  std::string_view column;  // one of kColumns
  auto operator<=>(const Cell&) const = default;
};

inline constexpr auto kColumns = std::to_array<std::string_view>(
    {"connected", "greeted", "logged in", "mail", "recipients", "data", "chunks", "login"});

// Of a parameter of MAIL or RCPT: taken, refused for its value, or not known because its keyword is
// not offered.
inline constexpr auto kParameterColumns =
    std::to_array<std::string_view>({"taken", "bad value", "not known"});

class DialogTable {
 public:
  static Cell cell_of(const ServerSession& session, const SmtpListener& listener);  // row not set
  void add(const Cell& cell, const std::string& dialog);
  // What was answered to a command line: its parameters, if it has any, and the reply itself.
  void add_answer(const Cell& cell, std::string_view command, std::string_view reply,
                  const std::string& dialog);
  std::vector<std::string> empty_cells() const;
  std::string to_markdown() const;

 private:
  void append_parameters(std::string& out) const;
  void append_replies(std::string& out) const;

  std::map<Cell, std::string>
      cells_;  // -> the first dialogue, one named after the verb before others
  std::map<Cell, std::string> parameters_;           // by keyword; in kParameterColumns
  std::map<std::string_view, std::string> replies_;  // by the text in the catalogue
};

}  // namespace mail::smtp
