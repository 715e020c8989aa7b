#include "platform/os/command.h"

#include <gtest/gtest.h>

namespace mail::os {
namespace {

using namespace std::chrono_literals;

TEST(Command, ItsOutputComesBackAndItsArgumentsAreNoShells) {
  const auto out = run_command({"printf", "%s|", "a b", "$HOME"}, 10s, 100);
  ASSERT_TRUE(out) << describe(out.error());
  EXPECT_EQ(*out, "a b|$HOME|");
}

TEST(Command, FailureIsToldWithItsStatus) {
  const auto out = run_command({"sh", "-c", "echo token; exit 3"}, 10s, 100);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().detail, "sh failed with status 3");
  EXPECT_EQ(run_command({"no-such-program-here"}, 10s, 100).error().code, Errc::not_found);
}

TEST(Command, WhatNeverEndsIsKilledWithItsChildren) {
  for (const char* script : {"sleep 1000 & wait", "exec >&-; sleep 1000"}) {
    const auto out = run_command({"sh", "-c", script}, 100ms, 100);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, Errc::deadline_exceeded);
  }
}

TEST(Command, EndlessOutputIsCutOff) {
  EXPECT_EQ(run_command({"yes"}, 10s, 1000).error().code, Errc::too_large);
}

}  // namespace
}  // namespace mail::os
