// Mail that an alias sends on: whose return path it gets.
#include <gtest/gtest.h>

#include "service/spool/spool_test_host.h"

namespace mail {
namespace {

class MarkedForwarding final : public Forwarding {
 public:
  std::optional<std::string> rewrite(std::string_view sender,
                                     std::string_view domain) const override {
    if (sender.starts_with("long")) return std::nullopt;
    std::string local(sender);
    local[local.find('@')] = '=';
    return concat("for=", local, "@", domain);
  }
  std::optional<std::string> sender_behind(const Mailbox& recipient) const override {
    if (!recipient.local_part.starts_with("for=")) return std::nullopt;
    std::string sender = recipient.local_part.substr(4);
    sender[sender.rfind('=')] = '@';
    return sender;
  }
};

class ForwardingTest : public SpoolTest {
 protected:
  ForwardingTest() {
    EXPECT_TRUE(control_->set_forwarding(std::make_shared<MarkedForwarding>()));
    EXPECT_TRUE(control_->add_alias("friends@yahoo.test", {"ann@other.test", "jerry@yahoo.test"}));
  }
  void from(std::string_view sender) {
    transaction_.reverse_path.mailbox.reset();
    if (!sender.empty()) transaction_.reverse_path.mailbox = *Mailbox::parse(sender);
  }
  // Of what went into queues: "RECIPIENT from RETURN-PATH".
  std::vector<std::string> queued() {
    std::vector<std::string> out;
    for (const QueuedDelivery& waiting :
         block_on(loop_, store_.queued_of(last_id_)).value_or(std::vector<QueuedDelivery>{})) {
      for (const auto& pending : waiting.delivery.recipients) {
        out.push_back(concat(pending.recipient.address, " from ", waiting.delivery.reverse_path));
      }
    }
    return out;
  }
  using Texts = std::vector<std::string>;
};

TEST_F(ForwardingTest, ASenderFromElsewhereIsWrittenAnew) {
  to({"friends@yahoo.test"});
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(queued(), Texts{"ann@other.test from for=tom=gmail.test@yahoo.test"});
  EXPECT_EQ(mail_of(jerry_).size(), 1U);
  EXPECT_EQ(envelope().reverse_path, "tom@gmail.test");
}

TEST_F(ForwardingTest, ASenderOfOursIsKeptAndSoIsNone) {
  to({"friends@yahoo.test"});
  for (const std::string_view sender : {"spike@yahoo.test", ""}) {
    from(sender);
    EXPECT_EQ(accept(kMail), Kind::accepted);
    EXPECT_EQ(queued(), Texts{concat("ann@other.test from ", sender)});
  }
}

TEST_F(ForwardingTest, OneThatCannotBeWrittenAnewIsKept) {
  from("long@gmail.test");
  to({"friends@yahoo.test"});
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(queued(), Texts{"ann@other.test from long@gmail.test"});
}

TEST_F(ForwardingTest, AListKeepsItsOwner) {
  ASSERT_TRUE(control_->add_alias("list@yahoo.test", {"ann@other.test"}, "spike@yahoo.test"));
  to({"list@yahoo.test"});
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(queued(), Texts{"ann@other.test from spike@yahoo.test"});
}

TEST_F(ForwardingTest, RecipientsThatWereGivenAreNotSentOnByUs) {
  listener_.role = smtp::Role::relay;
  to({"ann@other.test"});
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(queued(), Texts{"ann@other.test from tom@gmail.test"});
}

TEST_F(ForwardingTest, ANoticeGoesBackToTheSenderWithoutOne) {
  from("");
  to({"for=tom=gmail.test@yahoo.test"});
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(queued(), Texts{"tom@gmail.test from "});
}

}  // namespace
}  // namespace mail
