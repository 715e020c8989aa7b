#include "codec/address/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace mail {
namespace {

TEST(Utf8, CharactersAreTakenWhole) {
  EXPECT_EQ(utf8_character("ü"), 2U);
  EXPECT_EQ(utf8_character("用"), 3U);
  EXPECT_EQ(utf8_character("\xF0\x9F\x92\x8C!"), 4U);
  EXPECT_EQ(utf8_character("a"), 0U);
  EXPECT_EQ(utf8_character(""), 0U);
}

TEST(Utf8, BrokenFormsAndC1ControlsAreNone) {  // RFC 3629 §4
  for (const std::string bad : {"\x80",
                                "\xBF",
                                "\xC0\x80",
                                "\xC1\xBF",
                                "\xC2\x80",
                                "\xC2\x9F",
                                "\xC3",
                                "\xC3(",
                                "\xE0\x80\x80",
                                "\xE0\x9F\xBF",
                                "\xE2\x82",
                                "\xE2\x28\xA1",
                                "\xED\xA0\x80",
                                "\xED\xBF\xBF",
                                "\xF0\x8F\xBF\xBF",
                                "\xF4\x90\x80\x80",
                                "\xF5\x80\x80\x80",
                                "\xFE",
                                "\xFF",
                                "\xF0\x9F\x92"}) {
    EXPECT_EQ(utf8_character(bad), 0U) << bad;
    EXPECT_FALSE(is_utf8("a" + bad + "b")) << bad;
  }
}

TEST(Utf8, TextIsAsciiOrUtf8) {
  EXPECT_TRUE(is_ascii("plain~"));
  EXPECT_FALSE(is_ascii("plün"));
  EXPECT_TRUE(is_utf8("plün 用户"));
  EXPECT_TRUE(is_utf8(""));
}

}  // namespace
}  // namespace mail
