#include "service/auth/login_throttle.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

class LoginThrottleTest : public testing::Test {
 protected:
  LoginThrottle::Attempt attempt(std::string_view from, std::string_view user,
                                 std::string_view password = "secret") const {
    return throttle_.attempt(IpAddress::parse(from).value(), user, password);
  }
  bool admits(std::string_view from, std::string_view user = "jerry@yahoo.test") {
    return throttle_.admits(attempt(from, user), limits_);
  }
  // As many failures as it takes to be blocked, each with a password of its own.
  int failures_until_blocked(std::string_view from, std::string_view user = "jerry@yahoo.test") {
    for (int done = 0; done < 10'000; ++done) {
      if (!admits(from, user)) return done;
      throttle_.failed(attempt(from, user, concat("guess ", ++guesses_)));
    }
    return -1;
  }
  void log_in(std::string_view from, std::string_view user) {
    throttle_.succeeded(attempt(from, user));
  }

  ManualClock clock_{WallTime{}};
  LoginThrottle throttle_{clock_};
  LoginLimits limits_;  // 10 a minute, 50 a day
  int guesses_ = 0;
};

TEST_F(LoginThrottleTest, TenFailuresAMinuteAndFiftyADay) {
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_EQ(failures_until_blocked("192.0.2.1"), 10) << minute;
    clock_.advance(59'999ms);
    EXPECT_FALSE(admits("192.0.2.1"));
    clock_.advance(1ms);
  }
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 0) << "50 in all";
  clock_.advance(24h - 5min - 1ms);
  EXPECT_FALSE(admits("192.0.2.1"));
  clock_.advance(1ms);
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 10);
}

TEST_F(LoginThrottleTest, WhichUserIsTriedMakesNoDifference) {
  for (int i = 0; i < 10; ++i) {
    const std::string user = concat("user", i, "@yahoo.test");
    ASSERT_TRUE(admits("192.0.2.1", user));
    throttle_.failed(attempt("192.0.2.1", user));
  }
  EXPECT_FALSE(admits("192.0.2.1"));
  EXPECT_TRUE(admits("192.0.2.2"));
}

TEST_F(LoginThrottleTest, TheSameWrongPasswordCountsOnceADay) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(admits("192.0.2.1")) << "a phone with an old password, after " << i;
    throttle_.failed(attempt("192.0.2.1", i % 2 == 0 ? "jerry@yahoo.test" : "JERRY@yahoo.test"));
    clock_.advance(1min);
  }
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 10);
  clock_.advance(24h);
  throttle_.failed(attempt("192.0.2.1", "jerry@yahoo.test"));
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 9) << "a new day";
}

TEST_F(LoginThrottleTest, UserAndPasswordAreNotMixedUp) {
  EXPECT_NE(attempt("192.0.2.1", "a b", "c").digest, attempt("192.0.2.1", "a", "b c").digest);
  EXPECT_NE(attempt("192.0.2.1", "a", "b").digest, attempt("192.0.2.1", "a", "B").digest);
  EXPECT_NE(attempt("192.0.2.1", "a", "b").digest, attempt("192.0.2.2", "a", "b").digest);
  EXPECT_NE(attempt("192.0.2.1", "a", "b").digest,
            LoginThrottle(clock_).attempt(IpAddress::parse("192.0.2.1").value(), "a", "b").digest)
      << "a key of its own for each process";
}

TEST_F(LoginThrottleTest, ANetworkMayFailTenTimesAsOften) {
  int in_all = 0;
  for (int host = 1; host <= 20; ++host) {
    in_all += failures_until_blocked(concat("192.0.2.", host));
  }
  EXPECT_EQ(in_all, 100);
  EXPECT_FALSE(admits("192.0.2.200"));
  EXPECT_TRUE(admits("192.0.3.1"));
}

TEST_F(LoginThrottleTest, Ipv6CountsBy64And48) {
  EXPECT_EQ(failures_until_blocked("2001:db8:1:2::1"), 10);
  EXPECT_FALSE(admits("2001:db8:1:2:ffff::9"));
  int in_all = 10;
  for (int subnet = 16; subnet <= 36; ++subnet) {
    in_all += failures_until_blocked(concat("2001:db8:1:", subnet, "::1"));
  }
  EXPECT_EQ(in_all, 100);
  EXPECT_FALSE(admits("2001:db8:1:ffff::1"));
  EXPECT_TRUE(admits("2001:db8:2::1"));
}

TEST_F(LoginThrottleTest, AnAddressWithALoginHasTenTimesTheLimitForThirtyDays) {
  log_in("192.0.2.1", "ann@yahoo.test");
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 100);
  clock_.advance(30 * 24h - 1ms);
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 100);
  clock_.advance(24h);
  EXPECT_EQ(failures_until_blocked("192.0.2.1"), 10) << "too long ago";
  log_in("192.0.2.7", "ann@yahoo.test");
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_EQ(failures_until_blocked("192.0.2.7"), 100);
    clock_.advance(1min);
  }
  EXPECT_EQ(failures_until_blocked("192.0.2.7"), 0) << "500 a day";
}

TEST_F(LoginThrottleTest, StrangersInTheNetworkDoNotLockOutAKnownAddress) {
  log_in("192.0.2.1", "jerry@yahoo.test");
  for (int host = 2; host <= 30; ++host) failures_until_blocked(concat("192.0.2.", host));
  EXPECT_FALSE(admits("192.0.2.200"));
  EXPECT_TRUE(admits("192.0.2.1")) << "Jerry's address";
  EXPECT_TRUE(admits("192.0.2.1", "ann@yahoo.test")) << "and all who are there";
}

TEST_F(LoginThrottleTest, StrangersBehindTheSameAddressDoNotLockOutItsUsers) {
  log_in("192.0.2.1", "Jerry@yahoo.test");
  EXPECT_EQ(failures_until_blocked("192.0.2.1", "ann@yahoo.test"), 100);
  EXPECT_TRUE(admits("192.0.2.1", "jerry@YAHOO.test"));
  EXPECT_EQ(failures_until_blocked("192.0.2.1", "jerry@yahoo.test"), 100) << "his own limit";
}

TEST_F(LoginThrottleTest, FailuresOfAUserWhoIsKnownThereBlockNobodyElse) {
  log_in("192.0.2.1", "jerry@yahoo.test");
  failures_until_blocked("192.0.2.1", "jerry@yahoo.test");
  EXPECT_FALSE(admits("192.0.2.1", "jerry@yahoo.test"));
  EXPECT_TRUE(admits("192.0.2.1", "ann@yahoo.test"));
}

TEST_F(LoginThrottleTest, ALowerLimitHoldsAtOnce) {
  for (int i = 0; i < 3; ++i) throttle_.failed(attempt("192.0.2.1", "jerry@yahoo.test", concat(i)));
  EXPECT_TRUE(admits("192.0.2.1"));
  limits_.per_day = 3;
  EXPECT_FALSE(admits("192.0.2.1"));
}

TEST_F(LoginThrottleTest, MemoryIsBoundedAndTheWorstStayKnown) {
  LoginThrottle throttle(clock_, 100);
  const auto of = [&](const std::string& from, const std::string& password) {
    return throttle.attempt(IpAddress::parse(from).value(), "jerry@yahoo.test", password);
  };
  for (int i = 0; i < 10; ++i) throttle.failed(of("192.0.2.1", concat(i)));
  throttle.succeeded(of("198.51.100.1", "secret"));
  for (int i = 0; i < 5'000; ++i) {
    const std::string from = concat("10.", i / 250, '.', i % 250, ".1");
    throttle.failed(of(from, "guess"));
    if (i < 40) throttle.succeeded(of(from, "secret"));
    ASSERT_LE(throttle.entries(), 300U);
  }
  EXPECT_FALSE(throttle.admits(of("192.0.2.1", "x"), limits_));
  EXPECT_TRUE(throttle.admits(of("10.19.249.2", "x"), limits_));
}

}  // namespace
}  // namespace mail
