#include "codec/address/address.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

TEST(Domain, IsKeptInLowerCase) {
  EXPECT_EQ(Domain::parse("Yahoo.TEST")->text(), "yahoo.test");
  EXPECT_EQ(Domain::parse("[IPv6:2001:DB8:0:0::1]")->text(), "[IPv6:2001:db8::1]");
  EXPECT_TRUE(Domain::parse("[192.0.2.1]")->is_literal());
  EXPECT_FALSE(Domain::parse("192.0.2.1")->is_literal());
}

TEST(Domain, RefusesWhatRfc5321DoesNotAllow) {
  for (const std::string& text :
       {std::string(""), std::string("."), std::string("a."), std::string(".a"),
        std::string("a..b"), std::string("-a.b"), std::string("a-.b"), std::string("a.b-"),
        std::string("a_b.c"), std::string("a b"), std::string("a\r\nb"), std::string("a\0b", 3),
        std::string("b\xC3\xBC.de"), std::string("[]"), std::string("[1.2.3]"),
        std::string(64, 'a') + ".b",
        std::string(127, 'a').replace(63, 1, ".") + "." +
            std::string(127, 'b').replace(63, 1, ".") + ".c"}) {
    EXPECT_FALSE(Domain::parse(text)) << text;
  }
}

TEST(Mailbox, KeepsTheCaseOfTheLocalPartAndComparesByKey) {
  const auto mailbox = Mailbox::parse("Jerry+Tag@Yahoo.Test");
  ASSERT_TRUE(mailbox);
  EXPECT_EQ(mailbox->local_part, "Jerry+Tag");
  EXPECT_EQ(mailbox->to_string(), "Jerry+Tag@yahoo.test");
  EXPECT_EQ(mailbox->key(), "jerry+tag@yahoo.test");
}

TEST(Mailbox, QuotesOnlyWhereItMust) {
  EXPECT_EQ(Mailbox::parse(R"("jerry"@yahoo.test)")->to_string(), "jerry@yahoo.test");
  EXPECT_EQ(Mailbox::parse(R"("\j\e\r\r\y"@yahoo.test)")->to_string(), "jerry@yahoo.test");
  EXPECT_EQ(Mailbox::parse(R"("a b"@yahoo.test)")->to_string(), R"("a b"@yahoo.test)");
  EXPECT_EQ(Mailbox::parse(R"("a@b"@yahoo.test)")->to_string(), R"("a@b"@yahoo.test)");
  EXPECT_EQ(Mailbox::parse(R"("a\"\\"@yahoo.test)")->to_string(), R"("a\"\\"@yahoo.test)");
  EXPECT_EQ(Mailbox::parse(R"(""@yahoo.test)")->to_string(), R"(""@yahoo.test)");
}

TEST(Mailbox, NeverHoldsControlCharacters) {
  for (char c = 0; c < ' '; ++c) {
    EXPECT_FALSE(Mailbox::parse(concat("a", c, "b@yahoo.test"))) << static_cast<int>(c);
    EXPECT_FALSE(Mailbox::parse(concat("\"a", c, "b\"@yahoo.test"))) << static_cast<int>(c);
    EXPECT_FALSE(Mailbox::parse(concat("\"a\\", c, "b\"@yahoo.test"))) << static_cast<int>(c);
    EXPECT_FALSE(Mailbox::parse(concat("a@yahoo", c, ".test"))) << static_cast<int>(c);
  }
}

TEST(Mailbox, PercentAndBangArePlainCharacters) {
  EXPECT_EQ(Mailbox::parse("a%b.test@yahoo.test")->local_part, "a%b.test");
  EXPECT_EQ(Mailbox::parse("b.test!a@yahoo.test")->local_part, "b.test!a");
  EXPECT_FALSE(Mailbox::parse("a@b@yahoo.test"));
}

TEST(Mailbox, APostmasterWithoutDomainIsForPathsOnly) {
  EXPECT_FALSE(Mailbox::parse("Postmaster"));
}

TEST(Path, NullIsAPath) {
  const auto path = parse_path("<> SIZE=1");
  ASSERT_TRUE(path);
  EXPECT_FALSE(path->path.mailbox);
  EXPECT_EQ(path->path.to_string(), "");
  EXPECT_EQ(path->rest, " SIZE=1");
}

TEST(Path, EndsAtItsBracketAndNotAtAQuotedOne) {
  const auto plain = parse_path("<tom@gmail.test> BODY=8BITMIME");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->path.to_string(), "tom@gmail.test");
  EXPECT_EQ(plain->rest, " BODY=8BITMIME");
  const auto quoted = parse_path(R"(<"a> b"@gmail.test>x)");
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->path.to_string(), "\"a> b\"@gmail.test");
  EXPECT_EQ(quoted->rest, "x");
}

TEST(Path, ASourceRouteIsParsedAndIgnored) {
  const auto path = parse_path("<@a.test,@[IPv6:::1],@b.test:tom@gmail.test>");
  ASSERT_TRUE(path);
  EXPECT_TRUE(path->had_source_route);
  EXPECT_EQ(path->path.to_string(), "tom@gmail.test");
  EXPECT_EQ(path->rest, "");
  for (const char* text :
       {"<@a.test>", "<@:tom@gmail.test>", "<@a.test,tom@gmail.test>", "<@a.test,:tom@gmail.test>",
        "<@a_b:tom@gmail.test>", "<@a.test:>", "<@a.test:Postmaster>"}) {
    EXPECT_FALSE(parse_path(text)) << text;
  }
}

TEST(Path, PostmasterNeedsNoDomain) {
  const auto path = parse_path("<postMASTER>");
  ASSERT_TRUE(path);
  const Mailbox mailbox = path->path.mailbox.value_or(Mailbox{});
  EXPECT_TRUE(mailbox.domain.empty());
  EXPECT_EQ(mailbox.key(), "postmaster");
  EXPECT_EQ(path->path.to_string(), "postMASTER");
}

TEST(Path, RefusesWhatIsNone) {
  for (const char* text : {"", "<", ">", "tom@gmail.test", "<tom@gmail.test", "<tom>", " <a@b.c>",
                           "< >", "<<a@b.c>>", "<\"a@b.c>", "<a@b.c\r\n>", "<@@>", "<a b@c.d>"}) {
    EXPECT_FALSE(parse_path(text)) << text;
  }
}

// Stands for platform/idn, which codec does not know.
constexpr Idn kPretend{[](std::string_view domain) -> Result<std::string> {
                         if (domain == "b\u00FCcher.test" || domain == "B\u00DCCHER.test")
                           return "xn--bcher-kva.test";
                         return fail(Errc::bad_syntax, "not a domain");
                       },
                       [](std::string_view local) -> Result<std::string> {
                         return std::string(local == "J\u00DCRGEN" ? "j\u00FCrgen" : local);
                       }};

TEST(International, EverySpellingHasOneDomainAndOneKey) {  // RFC 6531 §3.3
  const auto one = Mailbox::parse("J\u00DCRGEN@B\u00DCCHER.test", &kPretend);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->to_string(), "J\u00DCRGEN@xn--bcher-kva.test");
  EXPECT_EQ(one->key(), "j\u00FCrgen@xn--bcher-kva.test");
  EXPECT_FALSE(one->is_ascii());
  EXPECT_EQ(Mailbox::parse("j\u00FCrgen@XN--bcher-kva.test")->key(), one->key());
  EXPECT_TRUE(Mailbox::parse("a@b\u00FCcher.test", &kPretend)->is_ascii());
}

TEST(International, DomainsBeyondAsciiNeedTheFunctions) {
  EXPECT_FALSE(Mailbox::parse("a@b\u00FCcher.test"));
  EXPECT_FALSE(Domain::parse("other\u00FC.test", &kPretend));
}

TEST(International, LocalPartsAreUtf8AndHaveNoControls) {
  EXPECT_EQ(Mailbox::parse("\u7528\u6237@yahoo.test")->to_string(), "\u7528\u6237@yahoo.test");
  EXPECT_EQ(Mailbox::parse("\"\u7528 \u6237\"@yahoo.test")->to_string(),
            "\"\u7528 \u6237\"@yahoo.test");
  for (const char* bad :
       {"j\xFCrgen@yahoo.test", "j\xC2\x85@yahoo.test", "\xC0\xAF@yahoo.test",
        "\xED\xA0\x80@yahoo.test", "\"j\xFC\"@yahoo.test", "\"\\\xC3\xBC\"@yahoo.test",
        ".\u7528@yahoo.test", "\u7528..a@yahoo.test"}) {
    EXPECT_FALSE(Mailbox::parse(bad)) << bad;
  }
}

TEST(International, APathTellsWhetherItWasAscii) {
  EXPECT_TRUE(parse_path("<a@yahoo.test> ORCPT=\u7528", &kPretend)->was_ascii);
  EXPECT_FALSE(parse_path("<a@b\u00FCcher.test>", &kPretend)->was_ascii);
  EXPECT_FALSE(parse_path("<\u7528@yahoo.test>", &kPretend)->was_ascii);
  EXPECT_FALSE(parse_path("<@b\u00FCcher.test:a@yahoo.test>", &kPretend)->was_ascii);
}

}  // namespace
}  // namespace mail
