#include "daemon/ctl/text_table.h"

#include <gtest/gtest.h>

namespace mail::ctl {
namespace {

TEST(TextTable, ColumnsAreAlignedByWhatATerminalShows) {
  TextTable table({"NAME", "N"});
  table.add({"j\xC3\xB6rg", "1"});
  table.add({"a longer one", "22"});
  EXPECT_EQ(table.to_string(),
            "NAME          N\n"
            "j\xC3\xB6rg          1\n"
            "a longer one  22\n");
}

TEST(TextTable, ACellCannotSteerTheTerminal) {
  TextTable table({"SUBJECT"});
  table.add(
      {"a\x1b[2J\r\nb\xC2\x9B"
       "c\x7F"});
  EXPECT_EQ(table.to_string(), "SUBJECT\na?[2J??b??c?\n");
}

TEST(Printable, TextKeepsLinesAndTabs) {
  EXPECT_EQ(printable_text("a\tb\r\nc\x07\r\n"), "a\tb\nc?\n");
  EXPECT_EQ(printable_text("a"), "a");
  EXPECT_EQ(printable_text(""), "");
  EXPECT_EQ(printable_text("\n\n"), "\n\n");
}

TEST(Size, IsReadWithOrWithoutUnit) {
  EXPECT_EQ(parse_size("1000").value(), 1000U);
  EXPECT_EQ(parse_size("50M").value(), 50U << 20);
  EXPECT_EQ(parse_size("2GiB").value(), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("10 KiB").value(), 10U << 10);
  EXPECT_EQ(parse_size("7 B").value(), 7U);
  for (const char* bad : {"", "M", "-1", "1.5G", "10X", "99999999999999999999", "2000000T"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Size, IsShownWithOneDecimal) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size(std::uint64_t{5} << 40), "5.0 TiB");
}

}  // namespace
}  // namespace mail::ctl
