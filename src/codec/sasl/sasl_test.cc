#include "codec/sasl/sasl.h"

#include <gtest/gtest.h>

namespace mail::sasl {
namespace {

using namespace std::string_view_literals;

Result<Step> plain(std::string_view message) { return Exchange(Mechanism::plain).start(message); }

TEST(Sasl, FindsMechanismsInAnyCaseAndNoOthers) {
  EXPECT_EQ(find_mechanism("plain"), Mechanism::plain);
  EXPECT_EQ(find_mechanism("LoGiN"), Mechanism::login);
  EXPECT_EQ(find_mechanism("cram-md5"), Mechanism::cram_md5);
  EXPECT_EQ(find_mechanism("Scram-Sha-256"), Mechanism::scram_sha_256);
  EXPECT_FALSE(find_mechanism("SCRAM-SHA-256-PLUS"));
  EXPECT_FALSE(find_mechanism("SCRAM-SHA-1"));
  EXPECT_FALSE(find_mechanism("PLAIN "));
  EXPECT_FALSE(find_mechanism(""));
}

TEST(SaslPlain, TakesCredentialsFromTheInitialResponse) {
  const auto step = plain("\0jerry@yahoo.test\0jerry-secret"sv);
  ASSERT_TRUE(step);
  EXPECT_EQ(std::get<Credentials>(*step).user, "jerry@yahoo.test");
  EXPECT_EQ(std::get<Credentials>(*step).password, "jerry-secret");
}

TEST(SaslPlain, ChallengesWithNothingWhenThereIsNoInitialResponse) {
  Exchange exchange(Mechanism::plain);
  const auto first = exchange.start(std::nullopt);
  ASSERT_TRUE(first);
  EXPECT_EQ(std::get<Challenge>(*first).text, "");
  const auto second = exchange.respond("\0a\0b"sv);
  ASSERT_TRUE(second);
  EXPECT_EQ(std::get<Credentials>(*second).user, "a");
}

TEST(SaslPlain, TakesAnAuthorizationIdentityOnlyIfItIsTheSame) {
  EXPECT_TRUE(plain("jerry@yahoo.test\0Jerry@yahoo.test\0x"sv));
  const auto other = plain("tom@gmail.test\0jerry@yahoo.test\0x"sv);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::not_allowed);
}

TEST(SaslPlain, RefusesWhatIsMalformed) {
  const std::string long_name(256, 'a');
  for (const std::string& message :
       {std::string(), std::string("abc"), std::string("\0abc", 4), std::string("\0\0abc", 5),
        std::string("\0abc\0", 5), std::string("\0a\0b\0", 5), std::string("\0a\0b\0c", 6),
        std::string(1, '\0') + long_name + std::string("\0x", 2)}) {
    const auto step = plain(message);
    ASSERT_FALSE(step) << message.size();
    EXPECT_EQ(step.error().code, Errc::bad_syntax);
  }
}

TEST(SaslLogin, AsksForNameThenPassword) {
  Exchange exchange(Mechanism::login);
  const auto name = exchange.start(std::nullopt);
  ASSERT_TRUE(name);
  EXPECT_EQ(std::get<Challenge>(*name).text, "Username:");
  const auto word = exchange.respond("tim");
  ASSERT_TRUE(word);
  EXPECT_EQ(std::get<Challenge>(*word).text, "Password:");
  const auto done = exchange.respond("tanstaaftanstaaf");
  ASSERT_TRUE(done);
  EXPECT_EQ(std::get<Credentials>(*done).user, "tim");
  EXPECT_EQ(std::get<Credentials>(*done).password, "tanstaaftanstaaf");
}

TEST(SaslLogin, TakesTheNameAsInitialResponse) {
  Exchange exchange(Mechanism::login);
  const auto word = exchange.start("tim");
  ASSERT_TRUE(word);
  EXPECT_EQ(std::get<Challenge>(*word).text, "Password:");
  ASSERT_TRUE(exchange.respond("x"));
}

TEST(SaslLogin, RefusesNulInEitherResponse) {
  EXPECT_FALSE(Exchange(Mechanism::login).start("a\0b"sv));
  Exchange exchange(Mechanism::login);
  ASSERT_TRUE(exchange.start("a"));
  EXPECT_FALSE(exchange.respond("x\0"sv));
}

TEST(Sasl, WipeLeavesNothing) {
  std::string secret = "correct horse battery staple";
  const char* bytes = secret.data();
  const std::size_t size = secret.size();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  // The capacity is still there, and the octets in it are gone.
  EXPECT_EQ(std::string_view(bytes + 1, size - 1), std::string_view(std::string(size - 1, '\0')));
}

}  // namespace
}  // namespace mail::sasl
