#include "platform/toml/toml.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::toml {
namespace {

Table parsed(std::string_view text) {
  auto table = parse(text);
  EXPECT_TRUE(table.has_value()) << table.error().sentence;
  return table ? *table : Table{};
}

std::string refusal(std::string_view text) {
  const auto table = parse(text);
  if (table) return "accepted";
  return concat(table.error().where.line, ":", table.error().where.column, " ",
                table.error().sentence);
}

TEST(Toml, KeepsTheOrderOfTheText) {
  const Table table = parsed("z = 1\na = 2\n[m]\nq = 1\nb = 2\n");
  ASSERT_EQ(table.entries.size(), 3u);
  EXPECT_EQ(table.entries[0].key, "z");
  EXPECT_EQ(table.entries[1].key, "a");
  EXPECT_EQ(table.entries[2].key, "m");
  ASSERT_NE(table.entries[2].value.table(), nullptr);
  EXPECT_EQ(table.entries[2].value.table()->entries[0].key, "q");
}

TEST(Toml, TellsLineAndColumnOfKeysAndValues) {
  const Table table = parsed("# comment\n  name   = \"x\"\nlist = [1,\n 2]\n");
  const Entry* name = table.find("name");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(name->where, (Position{2, 3}));
  EXPECT_EQ(name->value.where, (Position{2, 12}));
  const Entry* list = table.find("list");
  ASSERT_NE(list, nullptr);
  ASSERT_NE(list->value.array(), nullptr);
  EXPECT_EQ(list->value.array()->at(1).where, (Position{4, 2}));
}

TEST(Toml, KnowsEachKindOfValue) {
  const Table table =
      parsed("a = true\nb = -7\nc = \"s\"\nd = []\ne = {}\nf = 1.5\ng = 2024-01-01\n");
  const std::vector<std::string_view> kinds = {
      "true or false",           "an integer",    "a string", "an array", "a table",
      "a floating-point number", "a date or time"};
  ASSERT_EQ(table.entries.size(), kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(kind_of(table.entries[i].value), kinds[i]);
  }
}

TEST(Toml, ListsOfTablesAreArrays) {
  const Table table = parsed("[[listener]]\na = 1\n[[listener]]\na = 2\n");
  const Entry* listener = table.find("listener");
  ASSERT_NE(listener, nullptr);
  ASSERT_NE(listener->value.array(), nullptr);
  ASSERT_EQ(listener->value.array()->size(), 2u);
  EXPECT_EQ(listener->value.array()->at(1).where.line, 3u);
}

TEST(Toml, SyntaxErrorsNameTheirPlace) {
  EXPECT_EQ(refusal("a = 1\na = 2\n"),
            "2:5 in a key-value pair: cannot redefine existing integer 'a'");
  EXPECT_EQ(refusal("[x\ny = 1\n"), "1:3 in a table header: expected ']', saw '\\n'");
  EXPECT_EQ(refusal("a = \"\xff\"\n"), "1:5 the text is not UTF-8");
  EXPECT_EQ(refusal("x = 1\ny = [1, 2"), "2:10 something is still open at the end of the file");
}

TEST(Toml, WhatPeopleForgetIsSaidInPlainWords) {
  EXPECT_EQ(refusal("a =\n"), "1:4 a value is missing");
  EXPECT_EQ(refusal("a = mx\n"),
            "1:5 the value is neither text in quotes, a number, true nor false");
  EXPECT_EQ(refusal("a = 5d\n"),
            "1:6 the value is neither text in quotes, a number, true nor false");
  EXPECT_EQ(refusal("a = \"x\nb = 1\n"),
            "1:7 a string holds a line end or another control character");
}

// toml++ 3.3 ends the process here unless its assertions are off.
TEST(Toml, AHeaderWithoutANameIsRefusedAndNotFatal) {
  EXPECT_EQ(refusal("[ = 1\n"),
            "1:3 in a key: expected bare key starting character or string delimiter, saw '='");
  EXPECT_EQ(refusal("[[ \"\n"), "1:6 something is still open at the end of the file");
}

// toml++ 3.3 has no defined answer to letters beyond ASCII outside of strings.
TEST(Toml, LettersBeyondAsciiAreRefusedAsKeysAndKeptInStrings) {
  EXPECT_NE(refusal("a \u00e9 = 1\n"), "accepted");
  EXPECT_NE(refusal("a \ufeef = 1\n"), "accepted");
  const Table table = parsed("a = \"\u00e9\ufeef\" # \u00e9\n");
  ASSERT_EQ(table.entries.size(), 1u);
  EXPECT_EQ(*table.entries[0].value.string(), "\u00e9\ufeef");
}

TEST(Toml, RefusesWhatIsTooLongOrTooDeep) {
  EXPECT_EQ(refusal(std::string(kMaxText + 1, '\n')), "1:1 the file is longer than 1 MiB");
  EXPECT_NE(refusal(concat("a = ", std::string(5000, '['))), "accepted");
}

TEST(Toml, WhatIsWrittenReadsBackTheSame) {
  const std::string text = "tab\there \"quoted\" back\\slash \x01 \x7f end";
  Value value;
  value.data = Array{Value{text, {}}, Value{true, {}}, Value{std::int64_t{-3}, {}}};
  std::string line = concat(key_text("*"), " = ");
  append_value(line, value);
  const Table table = parsed(line);
  const Entry* entry = table.find("*");
  ASSERT_NE(entry, nullptr);
  ASSERT_NE(entry->value.array(), nullptr);
  const Array& array = *entry->value.array();
  ASSERT_EQ(array.size(), 3u);
  ASSERT_NE(array[0].string(), nullptr);
  EXPECT_EQ(*array[0].string(), text);
  EXPECT_TRUE(*array[1].boolean());
  EXPECT_EQ(*array[2].integer(), -3);
}

TEST(Toml, InlineTablesAreWrittenOnOneLine) {
  Table table;
  table.set("to", Value{std::string("hold"), {}});
  table.set("big.test", Value{std::int64_t{1}, {}});
  std::string out;
  append_value(out, Value{std::move(table), {}});
  EXPECT_EQ(out, R"({ to = "hold", "big.test" = 1 })");
}

}  // namespace
}  // namespace mail::toml
