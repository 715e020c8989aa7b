#include "platform/json/json.h"

#include <gtest/gtest.h>

namespace mail::json {
namespace {

TEST(Json, WhatWasWrittenIsReadBack) {
  const Value value = Object{{"name", "Jerry \"J\"\n"},
                             {"n", -7},
                             {"real", 1.5},
                             {"yes", true},
                             {"none", {}},
                             {"list", Array{1, "two", Object{}, Array{}}}};
  const std::string text = to_string(value);
  EXPECT_EQ(text,
            "{\"name\":\"Jerry \\\"J\\\"\\n\",\"n\":-7,\"real\":1.5,\"yes\":true,\"none\":null,"
            "\"list\":[1,\"two\",{},[]]}");
  const Result<Value> back = parse(text);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(to_string(*back), text);
  EXPECT_EQ(back->text_or("name", ""), "Jerry \"J\"\n");
  EXPECT_TRUE(back->is_true("yes"));
  EXPECT_EQ(back->find("missing"), nullptr);
}

TEST(Json, KeyGivenTwiceIsRefused) {
  const Result<Value> value = parse(R"({"a":1,"b":{"c":1,"c":2}})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::bad_syntax);
  EXPECT_NE(value.error().detail.find("\"c\" twice"), std::string::npos);
  EXPECT_TRUE(parse(R"({"a":{"c":1},"b":{"c":1}})"));
}

TEST(Json, DepthBeyond32IsRefused) {
  EXPECT_TRUE(parse(std::string(32, '[') + std::string(32, ']')));
  const Result<Value> deep = parse(std::string(33, '[') + std::string(33, ']'));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, Errc::too_large);
}

TEST(Json, WhatIsNoJsonIsRefused) {
  for (const char* bad : {"", "{", "{\"a\":}", "[1,]", "1 2", "{} x", "\"\xFF\"", "nul", "'a'",
                          "{a:1}", "\"a", "[1] // x"}) {
    EXPECT_FALSE(parse(bad)) << bad;
  }
}

TEST(Json, BytesThatAreNoUtf8AreReplacedAndControlsEscaped) {
  std::string out;
  append_string(out, std::string_view("a\xC3\xA9\xFF\x00\x1F\x7F", 7));
  EXPECT_EQ(out, "\"a\xC3\xA9\xEF\xBF\xBD\\u0000\\u001f\\u007f\"");
  EXPECT_TRUE(parse(out));
}

TEST(Json, NumbersOutOfRangeBecomeReal) {
  const Result<Value> value = parse("[18446744073709551615,1e3]");
  ASSERT_TRUE(value);
  EXPECT_NE((*value->array())[0].real(), nullptr);
  EXPECT_EQ(*(*value->array())[1].real(), 1000.0);
}

TEST(Json, RealsAreReadExactly) {
  for (const double number : {0.1, 1e-7, -0.0, 5.0, 5e-324, 1.7976931348623157e308,
                              1844674407370955161616.0, -2.2250738585072011e-308}) {
    const Result<Value> value = parse(to_string(Value(number)));
    ASSERT_TRUE(value);
    ASSERT_NE(value->real(), nullptr);
    EXPECT_EQ(*value->real(), number);
  }
}

}  // namespace
}  // namespace mail::json
