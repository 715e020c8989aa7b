#include "service/local/delivery.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

TEST(DeliverToMailbox, AddsReturnPathAndDeliveredTo) {
  const Delivery delivery = deliver_to_mailbox(AccountId{7}, "jerry@yahoo.test", "tom@gmail.test");
  const ToMailbox* target = std::get_if<ToMailbox>(&delivery.target);
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->account, AccountId{7});
  EXPECT_EQ(target->folder, "INBOX");
  EXPECT_EQ(delivery.recipients, std::vector<Recipient>{"jerry@yahoo.test"});
  EXPECT_EQ(delivery.reverse_path, "tom@gmail.test");
  EXPECT_EQ(delivery.added_fields,
            "Return-Path: <tom@gmail.test>\r\nDelivered-To: jerry@yahoo.test\r\n");
}

TEST(DeliverToMailbox, TheNullPathIsWrittenToo) {
  EXPECT_EQ(deliver_to_mailbox(AccountId{7}, "jerry@yahoo.test", "").added_fields,
            "Return-Path: <>\r\nDelivered-To: jerry@yahoo.test\r\n");
}

}  // namespace
}  // namespace mail
