#include "platform/cli/cli.h"

#include <gtest/gtest.h>

namespace mail::cli {
namespace {

const std::vector<Command>& table() {
  static const std::vector<Command> rows = {
      {"status", "", {}, {}, true, Needs::daemon, "Shows how the server does."},
      {"domain",
       "add",
       {{"NAME"}},
       {{"--owner", Takes::value, "ADDRESS", "Gets the mail for postmaster."}},
       false,
       Needs::daemon,
       "Takes mail for a domain."},
      {"domain", "list", {}, {}, true, Needs::daemon, "Lists the domains."},
      {"alias",
       "add",
       {{"ADDRESS"}, {"MEMBER", Count::many}},
       {},
       false,
       Needs::daemon,
       "Makes an alias."},
      {"send",
       "",
       {{"FILE", Count::optional}},
       {{"--to", Takes::values, "ADDRESS", "Recipients.", true},
        {"--insecure", Takes::flag, "", "Checks no certificate."}},
       false,
       Needs::nothing,
       "Submits a message."},
      {"queue", "retry", {{"ID", Count::any}}, {}, false, Needs::daemon, "Tries again."},
  };
  return rows;
}

std::expected<Invocation, Usage> run(std::vector<std::string> arguments) {
  return parse(table(), arguments, "1.2.3");
}

TEST(Cli, ConfigIsTakenBeforeAndBehindTheCommandsOwnArguments) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--config", "f", "domain", "add", "a.test"},
                                             {"domain", "--config", "f", "add", "a.test"},
                                             {"domain", "add", "--config=f", "a.test"},
                                             {"domain", "add", "a.test", "--config", "f"}}) {
    const auto invocation = run(arguments);
    ASSERT_TRUE(invocation) << invocation.error().text;
    EXPECT_EQ(invocation->command, &table()[1]);
    EXPECT_EQ(invocation->config, "f");
    EXPECT_EQ(invocation->text("NAME"), "a.test");
    EXPECT_FALSE(invocation->has("--owner"));
  }
}

TEST(Cli, OptionsAndPositionalsComeByName) {
  const auto invocation =
      run({"send", "--to", "a@b.test", "mail.eml", "--insecure", "--to", "e@f.test"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_EQ(invocation->texts("--to"), (std::vector<std::string>{"a@b.test", "e@f.test"}));
  EXPECT_TRUE(invocation->has("--insecure"));
  EXPECT_EQ(invocation->text("FILE"), "mail.eml");
  const auto alias = run({"alias", "add", "all@a.test", "x@a.test", "y@a.test"});
  ASSERT_TRUE(alias) << alias.error().text;
  EXPECT_EQ(alias->texts("MEMBER"), (std::vector<std::string>{"x@a.test", "y@a.test"}));
  const auto some = run({"queue", "retry", "one", "two"});
  ASSERT_TRUE(some) << some.error().text;
  EXPECT_EQ(some->texts("ID"), (std::vector<std::string>{"one", "two"}));
  const auto none = run({"queue", "retry"});
  ASSERT_TRUE(none) << none.error().text;
  EXPECT_TRUE(none->texts("ID").empty());
}

TEST(Cli, JsonIsTakenOnlyWhereOffered) {
  const auto list = run({"domain", "list", "--json"});
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->json);
  EXPECT_FALSE(run({"domain", "add", "a.test", "--json"}));
}

TEST(Cli, BadUsageIs64AndNamesWhatWasMeant) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "no command given"},
      {{"domian", "add"}, "Did you mean `domain`?"},
      {{"domain", "lisst"}, "Did you mean `list`?"},
      {{"domain"}, "needs one of: add, list"},
      {{"domain", "add", "a.test", "--ownr", "x"}, "Did you mean `--owner`?"},
      {{"domain", "add"}, "NAME"},
      {{"domain", "list", "extra"}, "extra"},
      {{"send"}, "--to"},
      {{"domain", "add", "a.test", "--owner"}, "--owner"},
      {{"domain", "add", "a.test", "--owner", "x", "--owner", "y"}, "--owner"},
  };
  for (const auto& [arguments, text] : cases) {
    const auto invocation = run(arguments);
    ASSERT_FALSE(invocation) << text;
    EXPECT_EQ(invocation.error().exit_code, 64);
    EXPECT_NE(invocation.error().text.find(text), std::string::npos) << invocation.error().text;
  }
}

TEST(Cli, HelpAndVersionExitZero) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"help"},
                                             {"domain", "--help"},
                                             {"domain", "add", "--help"},
                                             {"help", "send"}}) {
    const auto invocation = run(arguments);
    ASSERT_FALSE(invocation);
    EXPECT_EQ(invocation.error().exit_code, 0);
  }
  EXPECT_NE(run({"domain", "add", "-h"}).error().text.find("--owner ADDRESS"), std::string::npos);
  EXPECT_NE(run({"help", "send"}).error().text.find("--insecure"), std::string::npos);
  EXPECT_EQ(run({"--version"}).error().text, "mailwright 1.2.3\n");
}

TEST(Cli, SynopsisShowsWhatIsOptional) {
  EXPECT_EQ(synopsis(table()[1]), "mailwright domain add NAME [--owner ADDRESS]");
  EXPECT_EQ(synopsis(table()[3]), "mailwright alias add ADDRESS MEMBER...");
  EXPECT_EQ(synopsis(table()[4]), "mailwright send [FILE] --to ADDRESS... [--insecure]");
  EXPECT_EQ(synopsis(table()[5]), "mailwright queue retry [ID...]");
}

}  // namespace
}  // namespace mail::cli
