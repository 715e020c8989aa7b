#include "platform/xml/xml.h"

#include <gtest/gtest.h>

namespace mail::xml {
namespace {

TEST(Xml, IsReadAsATree) {
  const auto root = parse(R"(<?xml version="1.0"?>
<r:root xmlns:r="urn:x" kind="a&amp;b"> text <child>one</child><child>two</child>
<![CDATA[ <more> ]]></r:root>)");
  ASSERT_TRUE(root) << describe(root.error());
  EXPECT_EQ(root->name, "root");
  EXPECT_EQ(root->attribute("kind"), "a&b");
  EXPECT_EQ(root->text_of("child"), "one");
  EXPECT_EQ(root->children.size(), 2U);
  EXPECT_TRUE(root->text.starts_with("text"));
  EXPECT_TRUE(root->text.ends_with("<more>"));
  EXPECT_EQ(root->child("none"), nullptr);
}

TEST(Xml, WhatIsWrittenIsReadAgain) {
  Element root{.name = "feedback", .text = {}};
  root.add("a", "x < y & \"z\"").attributes.push_back({"n", "'v'"});
  root.add("b").add("c", "bell\a");
  const std::string text = to_string(root);
  EXPECT_TRUE(text.starts_with("<?xml version=\"1.0\"")) << text;
  const auto again = parse(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text_of("a"), "x < y & \"z\"");
  EXPECT_EQ(again->child("a")->attribute("n"), "'v'");
  EXPECT_EQ(again->child("b")->text_of("c"), "bell?");
}

TEST(Xml, EntitiesOfADocumentMeanNothing) {
  const auto bomb = parse(R"(<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY file SYSTEM "file:///etc/passwd">]><r>&b;&file;</r>)");
  ASSERT_TRUE(bomb);
  EXPECT_EQ(bomb->text, "&b;&file;");
}

TEST(Xml, LimitsHold) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_FALSE(parse(deep));
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  const auto nested = parse(deep);
  ASSERT_FALSE(nested);
  EXPECT_EQ(nested.error().code, Errc::too_large);
  std::string wide = "<r>";
  for (int i = 0; i < 20; ++i) wide += "<a/>";
  wide += "</r>";
  EXPECT_FALSE(parse(wide, {.max_elements = 10}));
  EXPECT_FALSE(parse(wide, {.max_bytes = 10}));
  EXPECT_TRUE(parse(wide));
}

// The tree of what is wide would take far more memory than the document: it is not even made.
TEST(Xml, ABombOfManySmallThingsIsNotBuilt) {
  std::string elements = "<r>";
  std::string attributes = "<r ";
  while (elements.size() < 8'000'000) elements += "<a/>";
  while (attributes.size() < 8'000'000) attributes += "a='' ";
  for (const std::string& bomb : {elements, attributes}) {
    const auto root = parse(bomb);  // without an end, so that a parser would say something else
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().code, Errc::too_large) << describe(root.error());
  }
}

TEST(Xml, MistakesAreToldWithTheirPlace) {
  const auto bad = parse("<a><b></a>");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::bad_syntax);
  EXPECT_NE(bad.error().detail.find("octet"), std::string::npos);
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse("not xml"));
}

}  // namespace
}  // namespace mail::xml
