// Tests only: which dialogue exercises which (verb, role, TLS, phase); tests/dialogs/TABLE.md.
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

class DialogTable {
 public:
  static Cell cell_of(const ServerSession& session, const SmtpListener& listener);  // row not set
  void add(const Cell& cell, const std::string& dialog);
  std::vector<std::string> empty_cells() const;
  std::string to_markdown() const;

 private:
  std::map<Cell, std::string>
      cells_;  // -> the first dialogue, one named after the verb before others
};

}  // namespace mail::smtp
