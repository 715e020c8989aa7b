// Tests only: what shows that each rule of the server holds, for each verb, form and role it is
// about: the first dialogue in which it is seen, or for what no dialogue can show (descriptors, the
// file system, another process) a named test. tests/dialogs/RULES.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/smtp/listener.h"

namespace mail::smtp {

// One answer of a dialogue.
struct Exchange {
  Role role = Role::mx;
  bool tls = false;
  std::string_view phase;  // before the first octet of `sent`; one of kColumns
  std::string sent;        // since the answer before, and before other answers to the same group
  std::string before;      // the answer before, in this connection
  std::string reply;       // its last line
  bool closes = false;     // and the connection is closed
};

enum class End : std::uint8_t { any, closes, stays };

// A cell of each of its roles. Empty texts ask for nothing.
struct RuleCell {
  std::string_view about;  // verb, extension or form
  std::string_view roles;  // of "mx submission relay"; "any": whichever
  std::string_view sent;   // is in what was sent
  std::string_view reply;  // how it begins
  End end = End::any;
  std::string_view phase{};
  std::string_view before{};  // how the answer before begins
  std::string_view dialog{};  // is in the name of the dialogue
  std::string_view test{};    // instead of a dialogue: "e2e test_x.Class.test_y", "unit Suite.Name"
};

struct Rule {
  std::string_view place;  // "§3" of security.md, or the number of a line
  std::string_view text;
  std::vector<RuleCell> cells;
};

class RuleTable {
 public:
  explicit RuleTable(std::vector<Rule> rules);
  void add(const Exchange& seen, const std::string& dialog);
  // Cells no dialogue shows, and tests that are not in the sources.
  std::vector<std::string> empty_cells(const std::string& source_folder) const;
  std::string to_markdown() const;

 private:
  struct Row {
    const Rule* rule;
    const RuleCell* cell;
    std::string role;  // "" for any and for tests
    std::string shown_by;
  };
  std::vector<Rule> rules_;
  std::vector<Row> rows_;
};

}  // namespace mail::smtp
