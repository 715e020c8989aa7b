// A transaction in steps, as end-to-end mode has it.
#include "service/outbound/hop_connection.h"

#include <gtest/gtest.h>

#include "service/outbound/hop_opener.h"
#include "service/outbound/test_hop.h"
#include "service/store/model_mail_store.h"

namespace mail {
namespace {

using namespace std::chrono_literals;
using Kind = smtp::Verdict::Kind;

class Steps : public testing::Test {
 protected:
  Steps() {
    settings_.hostname = "gmail.test";
    examining_ = *tls::ClientContext::make(
        {.verify = false, .examine = true, .ca_file = {}, .suites = tls::Suites::forward_secret});
    services_.emplace(HopServices{io_, store_, clock_, tokens_, *examining_, *examining_});
  }
  static std::shared_ptr<const Destination> to(const TestHop& hop) {
    auto route = std::make_shared<Route>();
    route->kind = Route::Kind::smtp;
    route->port = hop.port();
    return std::make_shared<const Destination>(Destination{
        std::move(route), {HopHost{"mx", {*IpAddress::parse("127.0.0.1")}, false}}, "yahoo.test"});
  }
  static Parcel content_for(std::vector<Recipient> recipients) {
    Parcel out;
    out.recipients = std::move(recipients);
    out.content = std::make_shared<const std::string>("Subject: hi\r\n\r\nhello\r\n");
    out.size = out.content->size();
    return out;
  }
  // Opens, gives the recipients, sends the content, and begins once more to leave.
  Task<bool> converse(std::shared_ptr<const Destination> destination,
                      std::vector<Recipient> recipients) {
    HopOpener opener(*services_, settings_);
    obstacle_ = co_await opener.open(std::move(destination), false);
    const std::unique_ptr<HopConnection> hop = opener.take();
    if (obstacle_) co_return false;
    hop->begin_mail("tom@gmail.test", {}, 0);
    for (const Recipient& each : recipients) {
      answers_.push_back((co_await hop->add_recipient(each)).text);
    }
    const Parcel parcel = content_for(std::move(recipients));
    sent_ = co_await hop->send_content(parcel);
    if (!hop->ready()) co_return false;
    hop->begin_mail("tom@gmail.test", {}, 0);
    answers_.push_back((co_await hop->add_recipient("last@yahoo.test")).text);
    co_await hop->leave();
    co_await hop->quit();
    co_return true;
  }

  SystemClock clock_;
  ModelMailStore store_{clock_};
  net::IoThread io_{clock_};
  SenderSettings settings_;
  AccessTokens tokens_{clock_, {}};
  std::shared_ptr<const tls::ClientContext> examining_;
  std::optional<HopServices> services_;

  std::optional<Obstacle> obstacle_;
  std::vector<std::string> answers_;
  HopConnection::Sent sent_;
};

TEST_F(Steps, EachAnswerComesBackWhenItsStepIsTaken) {
  TestHop hop({}, {{"RCPT TO:<b@yahoo.test>", "550 5.1.1 nobody"}});
  EXPECT_TRUE(net::run_task(io_, converse(to(hop), {"a@yahoo.test", "b@yahoo.test"})));
  EXPECT_EQ(answers_,
            (std::vector<std::string>{"250 2.1.5 ok", "550 5.1.1 nobody", "250 2.1.5 ok"}));
  ASSERT_EQ(sent_.recipients.size(), 2U);
  EXPECT_EQ(sent_.recipients[0].text, "250 2.0.0 taken");
  EXPECT_EQ(sent_.recipients[1].text, "550 5.1.1 nobody");
  EXPECT_EQ(hop.contents().size(), 1U);
  EXPECT_EQ(hop.commands().back(), "QUIT");
}

TEST_F(Steps, ALostConnectionAnswersForAllThatComesAfter) {
  TestHop hop({}, {{"RCPT TO:<b@yahoo.test>", "hang up"}});
  EXPECT_FALSE(
      net::run_task(io_, converse(to(hop), {"a@yahoo.test", "b@yahoo.test", "c@yahoo.test"})));
  EXPECT_EQ(answers_, (std::vector<std::string>{"250 2.1.5 ok", "the connection was closed",
                                                "the connection was closed"}));
  ASSERT_EQ(sent_.recipients.size(), 3U);
  for (const smtp::Verdict& each : sent_.recipients) EXPECT_EQ(each.kind, Kind::deferred);
  EXPECT_TRUE(hop.contents().empty());
}

TEST_F(Steps, AHostThatIsNotThereIsAnObstacle) {
  std::shared_ptr<const Destination> gone;
  {
    const TestHop hop({});
    gone = to(hop);
  }
  EXPECT_FALSE(net::run_task(io_, converse(gone, {"a@yahoo.test"})));
  ASSERT_TRUE(obstacle_);
  EXPECT_EQ(obstacle_->verdict.enhanced, "4.4.1");
  EXPECT_EQ(obstacle_->verdict.kind, Kind::deferred);
}

}  // namespace
}  // namespace mail
