#include "codec/dsn/clean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/text.h"

namespace mail::dsn {
namespace {

TEST(CleanText, IsOneLineOfUtf8) {
  EXPECT_EQ(clean_text(" a\r\n\tb \x01\x7F c ", 100), "a b c");
  EXPECT_EQ(clean_text("caf\xC3\xA9", 100), "caf\xC3\xA9");
  EXPECT_EQ(clean_text("\xC3", 100), "?");
  EXPECT_EQ(clean_text("\xC0\xAF\xED\xA0\x80", 100), "?????") << "overlong, surrogate";
  EXPECT_EQ(clean_text("gro.elpmaxe\xE2\x80\xAE", 100), "gro.elpmaxe?") << "turned writing";
  EXPECT_EQ(clean_text("a\xE2\x80\xA8"
                       "b",
                       100),
            "a b")
      << "line separator";
}

TEST(CleanText, IsCutBetweenCharacters) {
  EXPECT_EQ(clean_text("aa\xC3\xA9", 3), "aa");
  EXPECT_EQ(clean_text("aa\xC3\xA9", 4), "aa\xC3\xA9");
}

TEST(CleanAddress, KeepsTheSpacesOfAQuotedLocalPart) {
  EXPECT_EQ(clean_address("\"a  b\"@x.test"), "\"a  b\"@x.test");
  EXPECT_EQ(clean_address("a\r\n@x.test"), "a??@x.test");
}

TEST(AppendField, FoldsAtSpacesOnly) {
  std::string out;
  append_field(out, "Name", concat(std::string(60, 'a'), ' ', std::string(60, 'b'), ' ', "c"));
  EXPECT_EQ(out, concat("Name: ", std::string(60, 'a'), "\r\n ", std::string(60, 'b'), " c\r\n"));
}

TEST(AppendField, BreaksAWordOnlyWhereTheLineWouldBeTooLong) {
  std::string out;
  append_field(out, "Name", std::string(2500, 'a'));
  std::size_t longest = 0;
  for (std::string_view rest = out; !rest.empty();) {
    const std::size_t end = rest.find("\r\n");
    ASSERT_NE(end, std::string_view::npos);
    longest = std::max(longest, end);
    rest.remove_prefix(end + 2);
  }
  EXPECT_EQ(longest, kMaxLine);
}

TEST(AppendField, NeverMakesALineOfSpaces) {
  std::string out;
  append_field(out, "Name",
               concat(std::string(70, 'a'), std::string(30, ' '), std::string(70, 'b')));
  EXPECT_EQ(out.find("\r\n \r\n"), std::string::npos);
  EXPECT_EQ(out, concat("Name: ", std::string(70, 'a'), std::string(29, ' '), "\r\n ",
                        std::string(70, 'b'), "\r\n"));
}

TEST(EncodeWords, LeavesAsciiAndCutsBetweenCharacters) {
  EXPECT_EQ(encode_words("Lunch"), "Lunch");
  EXPECT_EQ(encode_words("Gr\xC3\xBC\xC3\x9F"
                         "e"),
            "=?UTF-8?B?R3LDvMOfZQ==?=");
  std::string text = "a";
  for (int i = 0; i < 60; ++i) text += "\xC3\xA9";
  EXPECT_EQ(decode_words(encode_words(text)), text);
  for (const std::string_view word : split(encode_words(text), ' ')) EXPECT_LE(word.size(), 75U);
}

TEST(DecodeWords, ShowsWhatItKnowsAndLeavesTheRest) {
  EXPECT_EQ(decode_words("=?utf-8?q?caf=C3=A9_au?= =?UTF-8?B?bGFpdA==?= !"),
            "caf\xC3\xA9 aulait !");
  EXPECT_EQ(decode_words("=?ISO-8859-1*fr?Q?caf=E9?="), "caf\xC3\xA9");
  for (const std::string_view left :
       {"=?", "=?utf-8", "=?utf-8?Q", "=?utf-8?Q?abc",
        "=?koi8-r?B?8NLJ?=", "=?utf-8?X?abc?=", "=?utf-8?B?abc?=", "a =? b"}) {
    EXPECT_EQ(decode_words(left), left);
  }
}

TEST(QuotedPrintable, KeepsLineEndsAndEncodesTheRest) {
  EXPECT_EQ(quoted_printable("a=b\r\n"), "a=3Db\r\n");
  EXPECT_EQ(quoted_printable("a \r\nb\t"), "a=20\r\nb=09\r\n");
  EXPECT_EQ(quoted_printable("a\nb\rc\r\n"), "a=0Ab=0Dc\r\n");
  EXPECT_EQ(quoted_printable(std::string(100, 'x')),
            concat(std::string(75, 'x'), "=\r\n", std::string(25, 'x'), "\r\n"));
}

TEST(Unitext, WritesQcharsAsTheyAre) {
  EXPECT_EQ(unitext("bob@x.test"), "bob@x.test");
  EXPECT_EQ(unitext("a+b=c\\d e"), "a\\x{2B}b\\x{3D}c\\x{5C}d\\x{20}e");
  EXPECT_EQ(unitext("\xE2\x82\xAC\xF0\x9F\x93\xAB"), "\\x{20AC}\\x{1F4EB}");
}

TEST(ShapeOf, IsTheNarrowestThatHolds) {
  EXPECT_EQ(shape_of("a\r\n"), Shape::seven_bit);
  EXPECT_EQ(shape_of("\xE9\r\n"), Shape::eight_bit);
  EXPECT_EQ(shape_of("a\n"), Shape::binary);
  EXPECT_EQ(shape_of("a\r"), Shape::binary);
  EXPECT_EQ(shape_of(std::string(998, 'a')), Shape::seven_bit);
  EXPECT_EQ(shape_of(std::string(999, 'a')), Shape::binary);
}

}  // namespace
}  // namespace mail::dsn
