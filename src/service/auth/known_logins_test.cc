#include "service/auth/known_logins.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

class KnownLoginsTest : public testing::Test {
 protected:
  ManualClock clock_{WallTime{}};
};

TEST_F(KnownLoginsTest, AKeyIsOfAccountHashAndPasswordAndOfThisObject) {
  const KnownLogins known(clock_);
  const std::string key = known.key("a@b.test", "$y$hash", "secret");
  EXPECT_EQ(known.key("a@b.test", "$y$hash", "secret"), key);
  EXPECT_NE(known.key("a@c.test", "$y$hash", "secret"), key);
  EXPECT_NE(known.key("a@b.test", "$y$hasi", "secret"), key);
  EXPECT_NE(known.key("a@b.test", "$y$hash", "secrets"), key);
  EXPECT_NE(KnownLogins(clock_).key("a@b.test", "$y$hash", "secret"), key);
  EXPECT_FALSE(key.contains("secret"));
}

TEST_F(KnownLoginsTest, ALoginIsKnownForTenMinutesFromItsLastCheck) {
  KnownLogins known(clock_);
  EXPECT_FALSE(known.contains("key"));
  known.add("key");
  clock_.advance(Milliseconds{599'999});
  EXPECT_TRUE(known.contains("key"));
  clock_.advance(Milliseconds{1});
  EXPECT_FALSE(known.contains("key"));
}

TEST_F(KnownLoginsTest, MemoryIsBounded) {
  KnownLogins known(clock_, 10);
  for (int i = 0; i < 10; ++i) known.add(concat(i));
  EXPECT_TRUE(known.contains("9"));
  known.add("one more");
  EXPECT_TRUE(known.contains("one more"));
  EXPECT_FALSE(known.contains("9"));
}

}  // namespace
}  // namespace mail
