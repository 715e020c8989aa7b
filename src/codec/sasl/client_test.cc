#include "codec/sasl/client.h"

#include <gtest/gtest.h>

#include <array>

namespace mail::sasl {
namespace {

using namespace std::string_literals;

ClientCredentials tim() { return {"tim", "tanstaaftanstaaf"}; }

// Stands in for a digest: what it was asked to sign can be read off it.
std::array<std::uint8_t, 16> fake_hmac(std::string_view key, std::string_view bytes) {
  std::array<std::uint8_t, 16> out{};
  out[0] = static_cast<std::uint8_t>(key.size());
  out[1] = static_cast<std::uint8_t>(bytes.size());
  return out;
}

TEST(SaslClient, PlainSaysAllAtOnceAndNothingMore) {
  const auto plain = plain_client(tim());
  EXPECT_EQ(plain->name(), "PLAIN");
  EXPECT_TRUE(plain->sends_first());
  EXPECT_FALSE(plain->is_complete());
  EXPECT_EQ(plain->step("").value(), "\0tim\0tanstaaftanstaaf"s);
  EXPECT_TRUE(plain->is_complete());
  EXPECT_EQ(plain->step("more?").error().code, Errc::bad_syntax);
}

TEST(SaslClient, PlainCanNotSayANul) {
  EXPECT_EQ(plain_client({"tim", "a\0b"s})->step("").error().code, Errc::invalid_argument);
  EXPECT_EQ(plain_client({"t\0m"s, "ab"})->step("").error().code, Errc::invalid_argument);
}

TEST(SaslClient, LoginAnswersTwoChallengesWhateverTheySay) {
  const auto login = login_client(tim());
  EXPECT_FALSE(login->sends_first());
  EXPECT_EQ(login->step("Benutzername:").value(), "tim");
  EXPECT_FALSE(login->is_complete());
  EXPECT_EQ(login->step("").value(), "tanstaaftanstaaf");
  EXPECT_TRUE(login->is_complete());
  EXPECT_FALSE(login->step("again"));
}

TEST(SaslClient, CramMd5SignsTheChallenge) {
  const auto cram = cram_md5_client(tim(), fake_hmac);
  EXPECT_FALSE(cram->sends_first());
  EXPECT_EQ(cram->step("<1896.697170952@postoffice.reston.mci.net>").value(),
            "tim 102a0000000000000000000000000000");
  EXPECT_TRUE(cram->is_complete());
}

TEST(SaslClient, CramMd5SignsNoEmptyChallenge) {
  EXPECT_FALSE(cram_md5_client(tim(), fake_hmac)->step(""));
}

TEST(SaslClient, OAuthBearerIsTheMessageOfTheRfc) {
  const auto bearer = oauthbearer_client({"user@example.com", "vF9dft4qmT", true});
  EXPECT_TRUE(bearer->sends_first());
  EXPECT_EQ(bearer->step("").value(),
            "n,a=user@example.com,\x01"
            "auth=Bearer vF9dft4qmT\x01\x01");
  EXPECT_TRUE(bearer->is_complete());
}

TEST(SaslClient, OAuthBearerEscapesTheName) {
  EXPECT_TRUE(
      oauthbearer_client({"a=b,c", "t", true})->step("").value().starts_with("n,a=a=3Db=2Cc,\x01"));
}

TEST(SaslClient, ARefusedTokenIsAnsweredOnceAndIsNoLogin) {
  for (auto& [bearer, answer] : {std::pair(oauthbearer_client({"u", "t", true}).release(), "\x01"),
                                 std::pair(xoauth2_client({"u", "t", true}).release(), "")}) {
    const std::unique_ptr<ClientMechanism> owned(bearer);
    ASSERT_TRUE(owned->step(""));
    EXPECT_EQ(owned->step(R"({"status":"invalid_token"})").value(), answer);
    EXPECT_FALSE(owned->is_complete());
    EXPECT_FALSE(owned->step("again"));
  }
}

TEST(SaslClient, XOAuth2IsTheMessageGoogleDescribes) {
  const auto bearer = xoauth2_client(
      {"someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", true});
  EXPECT_EQ(bearer->step("").value(),
            "user=someuser@example.com\x01"
            "auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01");
}

TEST(SaslClient, ATokenWithAControlCharacterIsNeverSent) {
  EXPECT_FALSE(xoauth2_client({"u", "t\x01", true})->step(""));
  EXPECT_FALSE(oauthbearer_client({"u\r\n", "t", true})->step(""));
}

}  // namespace
}  // namespace mail::sasl
