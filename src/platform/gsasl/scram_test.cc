#include "platform/gsasl/scram.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"

namespace mail::gsasl {
namespace {

using namespace std::string_literals;

// RFC 7677 §3.
const std::string kSalt = base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==").value();

ScramKeys pencil() { return make_scram_keys("pencil", kSalt, 4096).value(); }

// The server's side, for whatever user.
Result<std::string> converse(ScramClient& client, ScramServer& server) {
  MAIL_TRY(const std::string client_first, client.step(""));
  MAIL_TRY(const std::string server_first, server.step(client_first));
  MAIL_TRY(const std::string client_final, client.step(server_first));
  MAIL_TRY(const std::string server_final, server.step(client_final));
  return client.step(server_final);
}

// From the RFC's exchange: HMAC-SHA-256(ServerKey, AuthMessage) is its "v="; computed with another
// program, the two keys of the RFC's password are these.
TEST(ScramKeys, AreThoseOfTheRfcsExample) {
  EXPECT_EQ(to_text(pencil()),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(ScramKeys, AreReadAsTheyAreWritten) {
  EXPECT_EQ(parse_scram_keys(to_text(pencil())).value(), pencil());
  const std::string text = to_text(pencil());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(parse_scram_keys(text.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(parse_scram_keys("SCRAM-SHA-256$0:YQ==$YQ==:YQ=="));
}

TEST(ScramKeys, AreNotMadeOfWhatNobodyCanType) {
  EXPECT_FALSE(make_scram_keys("a\0b"s, kSalt));
  EXPECT_FALSE(make_scram_keys("bell\a", kSalt));
}

TEST(Scram, ClientAndServerAgree) {
  ScramClient client("user", "pencil");
  ScramServer server([](std::string_view) { return pencil(); });
  EXPECT_FALSE(client.is_complete());
  const auto last = converse(client, server);
  ASSERT_TRUE(last) << describe(last.error());
  EXPECT_EQ(*last, "");
  EXPECT_TRUE(client.is_complete());
  EXPECT_EQ(server.user(), "user");
  EXPECT_FALSE(client.step("once more"));
}

TEST(Scram, NamesWithCommasAndEqualSignsArrive) {
  ScramClient client("a=b,c@yahoo.test", "pencil");
  ScramServer server([](std::string_view) { return pencil(); });
  ASSERT_TRUE(converse(client, server));
  EXPECT_EQ(server.user(), "a=b,c@yahoo.test");
}

TEST(Scram, AWrongPasswordIsNotAllowed) {
  ScramClient client("user", "pencils");
  ScramServer server([](std::string_view) { return pencil(); });
  const auto last = converse(client, server);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Errc::not_allowed);
}

TEST(Scram, AServerThatDoesNotKnowThePasswordIsFoundOut) {
  ScramClient client("user", "pencil");
  ScramServer server([](std::string_view) {
    ScramKeys keys = pencil();
    keys.server_key = std::string(32, 'x');
    return keys;
  });
  EXPECT_FALSE(converse(client, server));
  EXPECT_FALSE(client.is_complete());
}

TEST(Scram, AServerThatAsksForAnHourOfWorkIsRefused) {
  ScramClient client("user", "pencil");
  const std::string first = client.step("").value();
  const std::string nonce = first.substr(first.find("r=") + 2);
  for (const char* iterations : {"4000000000", "99999999999999999999999"}) {
    const auto answer =
        client.step(concat("r=", nonce, "more,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=", iterations));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::not_allowed);
  }
}

TEST(Scram, TheServerRefusesWhatIsMalformed) {
  for (const std::string& message :
       {""s, "x"s, "n,,"s, "n,,n=user"s, "n,,n=user,r="s, "n,,r=abc,n=user"s, "n,,n=\0,r=a"s,
        std::string(9000, 'n'), "n,,m=ext,n=user,r=abc"s}) {
    ScramServer server([](std::string_view) { return pencil(); });
    const auto answer = server.step(message);
    ASSERT_FALSE(answer) << message;
    EXPECT_EQ(answer.error().code, Errc::bad_syntax) << message;
  }
}

TEST(Scram, TheServerTakesNoProofOfAnotherExchange) {
  ScramServer server([](std::string_view) { return pencil(); });
  ASSERT_TRUE(server.step("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  const auto answer = server.step(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_FALSE(answer);
}

TEST(Scram, NobodyActsForAnother) {
  ScramServer other([](std::string_view) { return pencil(); });
  const auto answer = other.step("n,a=tom,n=user,r=rOprNGfwEbeRWgbNEkqO");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::not_allowed);
  ScramServer self([](std::string_view) { return pencil(); });
  EXPECT_TRUE(self.step("n,a=user,n=user,r=rOprNGfwEbeRWgbNEkqO"));
}

// RFC 5802 §6: a client that wants channel binding must not be led to believe it got it.
TEST(Scram, ChannelBindingIsNotPretended) {
  ScramServer server([](std::string_view) { return pencil(); });
  EXPECT_FALSE(server.step("p=tls-unique,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
}

}  // namespace
}  // namespace mail::gsasl
