#include "codec/smtp/body_memory.h"

#include <gtest/gtest.h>

#include <optional>

#include "codec/smtp/session_world.h"

namespace mail::smtp {
namespace {

TEST(BodyMemory, HasSoManySharesAndNoMore) {
  const auto memory = std::make_shared<BodyMemory>(2);
  BodyMemory::Share first;
  std::optional<BodyMemory::Share> second(std::in_place);
  BodyMemory::Share third;
  EXPECT_TRUE(first.take(memory));
  EXPECT_TRUE(first.take(memory)) << "it has one";
  EXPECT_TRUE(second->take(memory));
  EXPECT_FALSE(third.take(memory));
  EXPECT_FALSE(third.take(memory)) << "asking costs nothing";
  second.reset();
  EXPECT_TRUE(third.take(memory));
  first = BodyMemory::Share();
  BodyMemory::Share fourth;
  EXPECT_TRUE(fourth.take(memory));
  EXPECT_TRUE(first.take(nullptr)) << "no bound";
}

class BoundedBodies : public testing::Test {
 protected:
  BoundedBodies() { listener_->body_memory = std::make_shared<BodyMemory>(1); }
  Wire connect() { return {listener_, Peer{}, world_}; }
  static std::string say(Wire& wire, std::string_view line) {
    wire.arrive(line);
    return std::exchange(wire.output(), {});
  }
  static std::string begin(Wire& wire, std::string_view command = "DATA\r\n") {
    wire.pump();
    say(wire, "EHLO client.example\r\n");
    say(wire, "MAIL FROM:<a@b.test>\r\n");
    say(wire, "RCPT TO:<jerry@yahoo.test>\r\n");
    return say(wire, command);
  }

  std::shared_ptr<SmtpListener> listener_ = std::make_shared<SmtpListener>();
  World world_;
};

TEST_F(BoundedBodies, WhoComesTooLateIsToldToComeAgainAndIsServedLater) {
  Wire first = connect();
  Wire second = connect();
  EXPECT_TRUE(begin(first).starts_with("354"));
  EXPECT_EQ(begin(second), "452 4.3.1 Not enough space\r\n");
  EXPECT_TRUE(say(first, "From: <a@b.test>\r\n\r\n.\r\n").starts_with("250 2.0.0"));
  EXPECT_TRUE(begin(second).starts_with("354"));
}

TEST_F(BoundedBodies, AChunkIsSwallowedAndThenRefused) {
  Wire first = connect();
  EXPECT_EQ(begin(first, "BDAT 3\r\na:b"), "250 2.0.0 Chunk taken\r\n");
  {
    Wire second = connect();
    EXPECT_EQ(begin(second, "BDAT 6 LAST\r\nQUIT\r\n"), "452 4.3.1 Not enough space\r\n");
    EXPECT_EQ(say(second, "NOOP\r\n"), "250 2.0.0 Fine\r\n");
    EXPECT_EQ(say(first, "RSET\r\n"), "250 2.0.0 Reset\r\n");
    EXPECT_TRUE(begin(second).starts_with("354"));
  }  // and who hangs up leaves nothing behind
  Wire third = connect();
  EXPECT_TRUE(begin(third).starts_with("354"));
}

}  // namespace
}  // namespace mail::smtp
