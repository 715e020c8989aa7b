#include "codec/smtp/chunk_lines.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace mail::smtp {
namespace {

// What comes out, cut at `cut`; nothing if it is damaged or ends in a bare CR.
std::optional<std::string> decoded(std::string_view wire, std::size_t cut,
                                   BareLf bare_lf = BareLf::normalize) {
  ChunkLines lines(bare_lf);
  std::string out;
  lines.feed(wire.substr(0, cut), &out);
  if (!lines.damaged()) lines.feed(wire.substr(cut), &out);
  if (lines.damaged() || lines.ends_in_cr()) return std::nullopt;
  return out;
}

TEST(ChunkLines, SameOutputHoweverTheInputIsCut) {
  const std::vector<std::pair<std::string_view, std::optional<std::string>>> cases = {
      {"", ""},
      {"a", "a"},
      {"a\r\nb\r\n", "a\r\nb\r\n"},
      {"a\nb", "a\r\nb"},
      {"\n\n", "\r\n\r\n"},
      {"a\r\n\nb\n", "a\r\n\r\nb\r\n"},
      {"\r\n.\r\n", "\r\n.\r\n"},
      {"a\rb", std::nullopt},
      {"a\r", std::nullopt},
      {"\r\r\n", std::nullopt},
      {"\n\r", std::nullopt},
  };
  for (const auto& [wire, wanted] : cases) {
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      EXPECT_EQ(decoded(wire, cut), wanted) << wire << " cut at " << cut;
    }
  }
}

TEST(ChunkLines, NothingIsTakenBehindTheDamage) {
  for (const auto& [wire, wanted] :
       {std::pair{"a\r\nb\rc\r\nd", "a\r\nb\rc"}, std::pair{"a\r\r\nb", "a\r\r"},
        std::pair{"a\r\nb\nc\r\n", "a\r\nb\n"}}) {
    for (std::size_t cut = 0; cut < std::string_view(wanted).size(); ++cut) {
      ChunkLines lines(BareLf::reject);
      std::string out;
      lines.feed(std::string_view(wire).substr(0, cut), &out);
      ASSERT_FALSE(lines.damaged());
      lines.feed(std::string_view(wire).substr(cut), &out);
      EXPECT_TRUE(lines.damaged());
      EXPECT_EQ(out, wanted) << cut;
    }
  }
}

TEST(ChunkLines, ABareLfDoesDamageWhereToldSo) {
  for (std::size_t cut = 0; cut <= 4; ++cut) {
    EXPECT_EQ(decoded("a\nbc", cut, BareLf::reject), std::nullopt) << cut;
    EXPECT_EQ(decoded("ab\r\n", cut, BareLf::reject), "ab\r\n") << cut;
  }
}

}  // namespace
}  // namespace mail::smtp
