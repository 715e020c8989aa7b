#include "daemon/ctl/config_json.h"

#include <gtest/gtest.h>

#include "platform/json/json.h"

namespace mail::ctl {
namespace {

json::Value parsed(const std::string& text) {
  EXPECT_TRUE(text.ends_with('\n'));
  auto value = json::parse(std::string_view(text).substr(0, text.size() - 1));
  EXPECT_TRUE(value) << text;
  return value.value_or(json::Value());
}

TEST(ConfigJson, TheTreeKeepsTypesAndOrder) {
  toml::Table inner;
  inner.set("networks", {toml::Array{{std::string("127.0.0.0/8"), {}}}, {}});
  toml::Table tree;
  tree.set("hostname", {std::string("mx.example.org"), {}});
  tree.set("relay", {std::move(inner), {}});
  tree.set("count", {std::int64_t{7}, {}});
  tree.set("flag", {true, {}});
  EXPECT_EQ(json_of(tree),
            "{\"hostname\":\"mx.example.org\",\"relay\":{\"networks\":[\"127.0.0.0/8\"]},"
            "\"count\":7,\"flag\":true}\n");
}

TEST(ConfigJson, DefaultsAreOneObjectWithAListener) {
  const json::Value value = parsed(json_of(default_tree()));
  const json::Value* listeners = value.find("listener");
  ASSERT_NE(listeners, nullptr);
  ASSERT_NE(listeners->array(), nullptr);
  ASSERT_EQ(listeners->array()->size(), 1U);
  EXPECT_EQ(*listeners->array()->front().find("max_recipients")->integer(), 1000);
}

TEST(ConfigJson, ExplainsAKeyASectionAndAll) {
  const json::Value one = parsed(explain_json("listener.max_recipients").text);
  ASSERT_EQ(one.array()->size(), 1U);
  EXPECT_EQ(one.array()->front().text_or("value", ""), "a number from 100 to 100000");
  EXPECT_EQ(one.array()->front().text_or("default", ""), "1000");
  EXPECT_EQ(one.array()->front().text_or("change", ""), "reload");

  const json::Value section = parsed(explain_json("limits").text);
  EXPECT_EQ(section.array()->size(), settings_about("limits").size());
  const json::Value routes = parsed(explain_json("routes").text);
  EXPECT_EQ(routes.array()->front().text_or("key", ""), "routes.DOMAIN.to");

  const json::Value all = parsed(explain_json("").text);
  EXPECT_EQ(all.array()->size(), all_settings().size());
  EXPECT_TRUE(all.array()->front().find("default")->is_null());
  EXPECT_TRUE(all.array()->front().is_true("required"));
}

TEST(ConfigJson, AnUnknownKeyFailsInTheSameWords) {
  const CommandText text = config_explain("listener.rolle");
  const CommandText json = explain_json("listener.rolle");
  EXPECT_EQ(json.exit_status, text.exit_status);
  EXPECT_EQ(json.text, text.text);
}

}  // namespace
}  // namespace mail::ctl
