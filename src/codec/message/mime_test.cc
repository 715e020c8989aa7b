#include "codec/message/mime.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::message {
namespace {

TEST(Mime, AMessageWithoutPartsIsOnePart) {
  const auto parts = parse_mime("From: a@b.test\r\n\r\nhello\r\n");
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].type.value, "text/plain");
  EXPECT_EQ(parts[0].header, "From: a@b.test\r\n\r\n");
  EXPECT_EQ(parts[0].body, "hello\r\n");
}

constexpr std::string_view kNested =
    "Content-Type: multipart/mixed; boundary=\"outer one\"\r\n\r\n"
    "preamble\r\n"
    "--outer one\r\n"
    "Content-Type: multipart/alternative; boundary=inner\r\n\r\n"
    "--inner\r\n\r\nfirst\r\n"
    "--inner  \r\nContent-Type: text/html\r\n\r\n<p>\r\n--no boundary\r\n"
    "--inner--\r\nepilogue\r\n"
    "--outer one\r\nContent-Type: Application/PDF; name=\"a;b\\\"c\"\r\n"
    "Content-Disposition: attachment\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8=\r\n"
    "--outer one--\r\nthe end\r\n";

TEST(Mime, PartsWithinParts) {
  const auto parts = parse_mime(kNested);
  ASSERT_EQ(parts.size(), 5U);
  EXPECT_EQ(parts[1].type.value, "multipart/alternative");
  EXPECT_EQ(parts[2].body, "first");
  EXPECT_EQ(parts[2].parent, 1U);
  EXPECT_EQ(parts[2].depth, 2U);
  EXPECT_EQ(parts[3].type.value, "text/html");
  EXPECT_EQ(parts[3].body, "<p>\r\n--no boundary");
  EXPECT_EQ(parts[4].type.value, "application/pdf");
  EXPECT_EQ(parts[4].type.parameter("name"), "a;b\"c");
  EXPECT_EQ(parts[4].disposition.value, "attachment");
  EXPECT_EQ(parts[4].depth, 1U);
  EXPECT_EQ(decode_body(parts[4]), "hello");
}

TEST(Mime, AnOuterBoundaryEndsWhatIsOpenWithin) {
  const auto parts = parse_mime(
      "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
      "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--o\r\n\r\ntwo\r\n--o--");
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[2].body, "one");
  EXPECT_EQ(parts[3].body, "two");
  EXPECT_EQ(parts[3].parent, 0U);
}

TEST(Mime, WithoutAnEndTheLastPartGoesOn) {
  const auto parts =
      parse_mime("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\none\r\n");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].body, "one\r\n");
}

TEST(Mime, EmptyPartsAreParts) {
  const auto parts =
      parse_mime("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\n--o\r\n--o--\r\n");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[1].body, "");
  EXPECT_EQ(parts[2].body, "");
}

TEST(Mime, APartThatEndsWhereItBeginsIsWithinItsParent) {
  const std::string content =
      "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
      "Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n--o--\r\n";
  const auto parts = parse_mime(content);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[2].body, "");
  EXPECT_EQ(parts[2].body.data(), parts[1].body.data() + parts[1].body.size());
}

TEST(Mime, WhatIsTooDeepOrTooManyStaysOpaque) {
  std::string deep;
  for (int level = 0; level < 200; ++level) {
    append(deep, "Content-Type: multipart/mixed; boundary=b", level, "\r\n\r\n--b", level, "\r\n");
  }
  EXPECT_EQ(parse_mime(deep).size(), 101U);
  std::string many = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int part = 0; part < 20'000; ++part) many += "--b\r\n\r\n";
  EXPECT_EQ(parse_mime(many).size(), 10'000U);
}

TEST(Mime, QuotedPrintable) {
  MimePart part;
  part.encoding = "quoted-printable";
  part.body = "caf=C3=A9 =\r\nau lait  \r\n=ZZ =3";
  EXPECT_EQ(decode_body(part), "caf\xC3\xA9 au lait\r\n=ZZ =3");
}

TEST(Mime, Base64PassesOverWhatItDoesNotKnow) {
  MimePart part;
  part.encoding = "base64";
  part.body = "aG*V\r\nsbG8=ignored";
  EXPECT_EQ(decode_body(part), "hello");
}

TEST(ParameterField, IsReadGenerously) {
  const ParameterField field = parse_parameter_field(
      " (a comment) Text/Plain (another (one)) ; Charset = utf-8 ; x; =y; name=\"a\\\"b\r\n c\"");
  EXPECT_EQ(field.value, "text/plain");
  EXPECT_EQ(field.parameter("charset"), "utf-8");
  EXPECT_EQ(field.parameter("name"), "a\"b c");
  EXPECT_EQ(field.parameter("none"), "");
  EXPECT_EQ(parse_parameter_field("").value, "");
  EXPECT_EQ(parse_parameter_field("(((").value, "");
}

TEST(ParameterField, TakesSoManyParametersAndNoMore) {
  std::string value = "a/b";
  for (int i = 0; i < 500; ++i) append(value, "; p", i, "=1");
  EXPECT_EQ(parse_parameter_field(value).parameters.size(), kMaxParameters);
}

}  // namespace
}  // namespace mail::message
