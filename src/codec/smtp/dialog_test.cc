// Runs every dialogue of tests/dialogs/smtp on the pure session: as written, byte by byte,
// pipelined as far as RFC 2920 §3.1 allows, and with the connection lost after each step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/smtp/dialog_file.h"
#include "codec/smtp/dialog_table.h"
#include "codec/smtp/rule_table.h"
#include "codec/smtp/rules.h"
#include "codec/smtp/session_world.h"

namespace mail::smtp {
namespace {

const std::string kFolder = std::string(MAIL_SOURCE_DIR) + "/tests/dialogs";

bool matches(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  pattern.remove_suffix(1);
  // "S: 250 *" also takes a "250" that says nothing more.
  return text.starts_with(pattern) || text == trim(pattern);
}

class Performance {
  using Kind = DialogStep::Kind;

 public:
  // What is seen goes to those tables that are there.
  Performance(const Dialog& dialog, bool bytewise, DialogTable* table, RuleTable* rules = nullptr)
      : dialog_(dialog),
        listener_(std::make_shared<const SmtpListener>(dialog.listener)),
        bytewise_(bytewise),
        table_(table),
        rules_(rules),
        failures_before_(failures()) {}

  // All steps, or the first `count` of them and then the connection is lost.
  void play(std::size_t count) {
    connect();
    for (std::size_t i = 0; i < count && !failed(); ++i) {
      step(dialog_.steps[i]);
    }
    if (count == dialog_.steps.size() && !failed()) {
      wire_->pump();
      EXPECT_EQ(wire_->output(), "") << dialog_.name << ": more was said than expected";
    }
    disconnect();
  }

 private:
  static int failures() {
    return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
  }
  bool failed() const { return failures() > failures_before_; }

  void connect() {
    Peer peer;
    peer.may_relay = dialog_.relay_peer;
    wire_.emplace(listener_, peer, world_);
    wire_->session().set_tls_available(!dialog_.certificate_broken);
    wire_->session().set_cram_md5(dialog_.cram_md5);
    line_.clear();
    seen_ = {};
    answered_ = false;
  }

  void disconnect() {
    wire_->session().disconnect();
    wire_->pump();
    EXPECT_TRUE(wire_->closed());
    EXPECT_FALSE(wire_->has_staged()) << dialog_.name << ": staged chunks were forgotten";
  }

  std::string at(const DialogStep& step) const { return concat(dialog_.name, ":", step.line); }

  void step(const DialogStep& step) {
    switch (step.kind) {
      case Kind::send:
        return send(step);
      case Kind::expect:
        return expect(step);
      case Kind::some_line:
        some_.push_back(step.text);
        return;
      case Kind::no_line:
        none_.push_back(step.text);
        return;
      case Kind::closed:
        flush();
        ASSERT_TRUE(wire_->closed()) << at(step);
        ASSERT_EQ(wire_->output(), "") << at(step);
        return;
      case Kind::tls:
        flush();
        ASSERT_TRUE(wire_->wants_tls() || listener_->tls == TlsMode::implicit) << at(step);
        wire_->handshake();
        return;
      case Kind::fresh:
        flush();
        ASSERT_EQ(wire_->output(), "") << at(step);
        disconnect();
        return connect();
      case Kind::wait:
        flush();
        wire_->advance(std::chrono::seconds(*parse_number(step.text)));
        return;
      case Kind::shut_down:
        wire_->session().shut_down();
        return;
    }
  }

  void send(const DialogStep& step) {
    if (std::exchange(answered_, false)) seen_.sent.clear();
    if (seen_.sent.empty()) note_state();
    seen_.sent += step.text;
    if (!bytewise_) {
      group_ += step.text;
      return;
    }
    for (const char c : step.text) {
      if (line_.empty()) cell_ = DialogTable::cell_of(wire_->session(), *listener_);
      line_.push_back(c);
      wire_->arrive(std::string_view(&c, 1));
      if (line_.ends_with("\r\n")) record();
    }
  }

  void note_state() {
    const Cell cell = DialogTable::cell_of(wire_->session(), *listener_);
    seen_.role = cell.role;
    seen_.tls = cell.tls;
    seen_.phase = cell.column;
  }

  void note_answer(const DialogStep& step, const std::string& reply) {
    if (seen_.phase.empty()) note_state();  // the greeting
    const std::size_t next = static_cast<std::size_t>(&step - dialog_.steps.data()) + 1;
    const bool closes = next < dialog_.steps.size() && dialog_.steps[next].kind == Kind::closed;
    const bool again = answered_ && seen_.reply == reply && seen_.before == reply && !closes;
    seen_.before = std::exchange(seen_.reply, reply);
    seen_.closes = closes;
    answered_ = true;
    if (!again) rules_->add(seen_, dialog_.name);  // one of ten thousand like it
  }

  void record() {
    if (cell_.column == "data")
      cell_.row = "(content)";
    else if (cell_.column == "login")
      cell_.row = "(response)";
    else
      cell_.row = to_string(parse_command(line_.substr(0, line_.size() - 2)).verb);
    if (table_ != nullptr && cell_.column != "closed") table_->add(cell_, dialog_.name);
    command_ = cell_.row.starts_with('(') ? std::string() : line_.substr(0, line_.size() - 2);
    line_.clear();
  }

  void flush() {
    if (!group_.empty()) wire_->arrive(std::exchange(group_, {}));
    wire_->pump();
  }

  void expect(const DialogStep& step) {
    flush();
    std::vector<std::string> lines;
    std::string& output = wire_->output();
    for (bool last = false; !last;) {
      const std::size_t end = output.find("\r\n");
      ASSERT_NE(end, std::string::npos)
          << at(step) << ": expected " << step.text << ", got " << (lines.empty() ? "" : lines[0]);
      lines.push_back(output.substr(0, end));
      output.erase(0, end + 2);
      ASSERT_GE(lines.back().size(), 4U) << at(step);
      last = lines.back()[3] == ' ';
      ASSERT_TRUE(last || lines.back()[3] == '-') << at(step) << ": " << lines.back();
      ASSERT_EQ(lines.back().substr(0, 3), lines.front().substr(0, 3)) << at(step);
    }
    ASSERT_TRUE(matches(step.text, lines.back()))
        << at(step) << ": expected " << step.text << ", got " << lines.back();
    if (table_ != nullptr) {
      table_->add_answer({{}, listener_->role, cell_.tls, {}}, command_, lines.back(),
                         dialog_.name);
    }
    if (rules_ != nullptr) note_answer(step, lines.back());
    const auto says = [&](const std::string& pattern) {
      return std::ranges::any_of(
          lines, [&](const std::string& line) { return matches(pattern, line.substr(4)); });
    };
    for (const std::string& pattern : some_) EXPECT_TRUE(says(pattern)) << at(step) << pattern;
    for (const std::string& pattern : none_) EXPECT_FALSE(says(pattern)) << at(step) << pattern;
    some_.clear();
    none_.clear();
  }

  const Dialog& dialog_;
  std::shared_ptr<const SmtpListener> listener_;
  bool bytewise_;
  DialogTable* table_;
  RuleTable* rules_;
  int failures_before_;
  World world_;
  std::optional<Wire> wire_;
  std::string group_;
  std::string line_;
  std::string command_;  // the last one
  Cell cell_;
  Exchange seen_;          // what was sent since the last answer, and that answer
  bool answered_ = false;  // the next octet begins another
  std::vector<std::string> some_, none_;
};

const std::vector<Dialog>& dialogs() {
  static const std::vector<Dialog> loaded = load_dialogs(kFolder + "/smtp");
  return loaded;
}

TEST(Dialogs, AreThere) { EXPECT_GT(dialogs().size(), 100U); }

TEST(Dialogs, GoAsWritten) {
  for (const Dialog& dialog : dialogs())
    Performance(dialog, false, nullptr).play(dialog.steps.size());
}

TEST(Dialogs, GoTheSameByteByByte) {
  for (const Dialog& dialog : dialogs()) {
    if (!dialog.together) Performance(dialog, true, nullptr).play(dialog.steps.size());
  }
}

TEST(Dialogs, GoTheSamePipelined) {
  std::size_t changed = 0;
  for (const Dialog& dialog : dialogs()) {
    const Dialog merged = pipelined(dialog);
    Performance(merged, false, nullptr).play(merged.steps.size());
    for (std::size_t i = 0; i < merged.steps.size(); ++i) {
      if (merged.steps[i].line != dialog.steps[i].line) {
        ++changed;
        break;
      }
    }
  }
  EXPECT_GT(changed, dialogs().size() / 4) << "pipelining was hardly tried";
}

TEST(Dialogs, SurviveTheLossOfTheConnectionAfterEachStep) {
  for (const Dialog& dialog : dialogs()) {
    for (std::size_t count = 0; count < dialog.steps.size(); ++count) {
      // Within "C*10000:" one step is like the other.
      const bool repeated = count > 0 && dialog.steps[count].line == dialog.steps[count - 1].line;
      if (repeated && count % 1999 != 0) continue;
      Performance(dialog, false, nullptr).play(count);
    }
  }
}

// The table in tests/dialogs, which MAIL_UPDATE_TABLE writes anew.
void expect_as_kept(const std::string& name, const std::string& table) {
  const std::string path = concat(kFolder, '/', name);
  if (std::getenv("MAIL_UPDATE_TABLE") != nullptr) std::ofstream(path) << table;
  std::ostringstream kept;
  kept << std::ifstream(path).rdbuf();
  EXPECT_TRUE(kept.str() == table) << name << ": run with MAIL_UPDATE_TABLE=1 and commit the table";
}

TEST(Dialogs, LeaveNoCellOfTheTablesEmpty) {
  DialogTable table;
  RuleTable rules(security_rules());
  for (const Dialog& dialog : dialogs()) {
    Performance(dialog, !dialog.together, &table, &rules).play(dialog.steps.size());
  }
  for (const std::string& cell : table.empty_cells()) ADD_FAILURE() << "no dialogue: " << cell;
  for (const std::string& cell : rules.empty_cells(MAIL_SOURCE_DIR)) {
    ADD_FAILURE() << "nothing shows: " << cell;
  }
  expect_as_kept("TABLE.md", table.to_markdown());
  expect_as_kept("RULES.md", rules.to_markdown());
}

}  // namespace
}  // namespace mail::smtp
