#include "platform/password/password.h"

#include <gtest/gtest.h>

namespace mail::password {
namespace {

// "$y$PARAMETERS$SALT$HASH": what decides the cost.
std::string cost_of(const std::string& hash) { return hash.substr(0, hash.find('$', 3)); }

TEST(Password, MatchesItsHashAndNothingElse) {
  const Result<std::string> stored = hash("correct horse");
  ASSERT_TRUE(stored) << describe(stored.error());
  EXPECT_TRUE(stored->starts_with("$y$")) << "yescrypt is memory-hard";
  EXPECT_TRUE(matches("correct horse", *stored));
  EXPECT_FALSE(matches("correct hors", *stored));
  EXPECT_FALSE(matches("", *stored));
}

TEST(Password, TheSamePasswordHasAnotherHashEachTime) { EXPECT_NE(*hash("x"), *hash("x")); }

TEST(Password, WhatStandsBehindANulIsNotIgnored) {
  using namespace std::string_literals;
  EXPECT_EQ(hash("secret\0tail"s).error().code, Errc::invalid_argument);
  EXPECT_FALSE(matches("secret\0tail"s, *hash("secret")));
}

TEST(Password, EmptyAndOverlongOnesAreRefused) {
  EXPECT_EQ(hash("").error().code, Errc::invalid_argument);
  EXPECT_TRUE(hash(std::string(511, 'x')));
  EXPECT_EQ(hash(std::string(512, 'x')).error().code, Errc::too_large);
  EXPECT_FALSE(matches(std::string(100'000, 'x'), decoy_hash()));
}

TEST(Password, AStoredStringThatIsNoHashMatchesNothing) {
  for (const char* stored : {"", "*", "*0", "!", "$y$", "secret", "$9$unknown$method"}) {
    EXPECT_FALSE(matches("secret", stored)) << stored;
    EXPECT_FALSE(matches("", stored)) << stored;
    EXPECT_FALSE(matches(stored, stored)) << stored;
  }
}

TEST(Password, OtherCryptMethodsAreReadToo) {
  // The same as OpenSSL makes it: openssl passwd -5 -salt saltstring "Hello world!".
  EXPECT_TRUE(matches("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"));
}

TEST(Password, TheDecoyCostsWhatARealOneCosts) {
  EXPECT_EQ(cost_of(decoy_hash()), cost_of(*hash("x")));
  EXPECT_EQ(decoy_hash().size(), hash("x")->size());
  EXPECT_EQ(decoy_hash(), decoy_hash());
}

TEST(Password, WhatIsMadeNowIsCurrentAndWhatWasImportedIsNot) {
  EXPECT_TRUE(is_current(*hash("x")));
  EXPECT_TRUE(is_current(decoy_hash()));
  EXPECT_FALSE(is_current("$y$j8T$salt$hash"));
  EXPECT_FALSE(is_current("$6$salt$hash"));
}

TEST(Password, WipingLeavesNothing) {
  std::string secret = "a password long enough to live on the heap, beyond any small buffer";
  secret.resize(10);
  const char* memory = secret.data();
  const std::size_t size = secret.capacity();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  ASSERT_EQ(secret.data(), memory);
  ASSERT_EQ(secret.capacity(), size);
  EXPECT_EQ(std::string_view(memory, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace mail::password
