#include "service/mailbox/mailbox_service.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/executor.h"
#include "base/text.h"
#include "service/store/model_mail_store.h"

namespace mail {
namespace {

class MailboxServiceTest : public testing::Test {
 protected:
  MailboxServiceTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-box-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    control_ = ControlStore::open(folder_ / "control.db").value();
    EXPECT_TRUE(control_->add_domain(Domain::parse("yahoo.test").value(), ""));
    jerry_ = control_->add_account(Mailbox::parse("jerry@yahoo.test").value(), "*", {}).value();
    EXPECT_TRUE(control_->add_alias("info@yahoo.test", {"jerry@yahoo.test"}));
  }
  ~MailboxServiceTest() override {
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  template <typename T>
  T run(Task<T> task) {
    return block_on(loop_, std::move(task));
  }
  void deliver(const std::string& subject, const std::string& folder = "INBOX",
               const std::string& body = "hello\r\n") {
    Draft draft;
    draft.id = store_.next_id();
    draft.received_at = clock_.wall_now();
    draft.recipients = {"jerry@yahoo.test"};
    draft.content = concat("Subject: ", subject, "\r\n\r\n", body);
    draft.size = draft.content.size();
    draft.header_size = static_cast<std::uint32_t>(draft.size - body.size());
    draft.subject = subject;
    draft.deliveries = {Delivery{.target = ToMailbox{jerry_, folder},
                                 .recipients = {"jerry@yahoo.test"},
                                 .reverse_path = "tom@gmail.test",
                                 .added_fields = "Return-Path: <tom@gmail.test>\r\n"}};
    const Result<void> committed = run(store_.commit(std::span(&draft, 1)));
    ASSERT_TRUE(committed) << describe(committed.error());
  }
  template <typename T>
  static void expect_error(const Result<T>& result, Errc code, std::string_view sentence) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_NE(result.error().detail.find(sentence), std::string::npos) << result.error().detail;
  }

  LoopExecutor loop_;
  ManualClock clock_{WallTime(Milliseconds(1'800'000'000'000))};
  ModelMailStore store_{clock_};
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> control_;
  AccountId jerry_;
};

TEST_F(MailboxServiceTest, AnAccountWithoutMailHasAnEmptyInbox) {
  MailboxService service(store_, *control_);
  EXPECT_EQ(run(service.list("jerry@yahoo.test")), std::vector<record::MailboxEntry>{});
  expect_error(run(service.show("jerry@yahoo.test", Uid{1})), Errc::not_found, "no message 1");
}

TEST_F(MailboxServiceTest, ListsMoreThanOnePageInOrder) {
  for (int i = 0; i < 2500; ++i) deliver(concat("number ", i));
  MailboxService service(store_, *control_);
  const auto all = run(service.list("Jerry@yahoo.test", "inbox"));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2500u);
  EXPECT_EQ(all->front().subject, "number 0");
  EXPECT_EQ(all->back().subject, "number 2499");
  EXPECT_EQ(all->back().uid, Uid{2500});
}

TEST_F(MailboxServiceTest, ShowsTheDeliverysFieldsAndThenTheContent) {
  deliver("first");
  MailboxService service(store_, *control_);
  const Result<ShownMessage> shown = run(service.show("jerry@yahoo.test", Uid{1}));
  ASSERT_TRUE(shown) << describe(shown.error());
  EXPECT_EQ(shown->bytes, "Return-Path: <tom@gmail.test>\r\nSubject: first\r\n\r\nhello\r\n");
  EXPECT_EQ(shown->bytes.size(), shown->entry.size);
}

TEST_F(MailboxServiceTest, AContentInSeveralChunksIsPutTogether) {
  Draft draft;
  draft.id = store_.next_id();
  draft.received_at = clock_.wall_now();
  draft.content = "Subject: big\r\n\r\n" + std::string(3000, 'a');
  draft.header_size = 16;
  draft.staged_chunks = 2;
  draft.size = draft.content.size() + 8;
  draft.deliveries = {Delivery{.target = ToMailbox{jerry_, "INBOX"},
                               .recipients = {"jerry@yahoo.test"},
                               .reverse_path = "",
                               .added_fields = ""}};
  const std::string expected = draft.content + "bbbbcccc";
  ASSERT_TRUE(run(store_.stage(draft.id, 1, "bbbb")));
  ASSERT_TRUE(run(store_.stage(draft.id, 2, "cccc")));
  ASSERT_TRUE(run(store_.commit(std::span(&draft, 1))));
  MailboxService service(store_, *control_);
  EXPECT_EQ(run(service.show("jerry@yahoo.test", Uid{1}))->bytes, expected);
}

TEST_F(MailboxServiceTest, AMessageOverTheLimitIsNotReadIntoMemory) {
  deliver("big", "INBOX", std::string(2000, 'x'));
  MailboxService service(store_, *control_, ByteCount{1000});
  expect_error(run(service.show("jerry@yahoo.test", Uid{1})), Errc::too_large, "at most 1000");
}

TEST_F(MailboxServiceTest, OtherFoldersAreNamedExactly) {
  deliver("spam", "Junk");
  MailboxService service(store_, *control_);
  EXPECT_EQ(run(service.list("jerry@yahoo.test", "Junk"))->size(), 1u);
  EXPECT_TRUE(run(service.list("jerry@yahoo.test"))->empty());
  expect_error(run(service.list("jerry@yahoo.test", "junk")), Errc::not_found, "there are Junk");
  EXPECT_EQ(run(service.folders("jerry@yahoo.test"))->size(), 1u);
}

TEST_F(MailboxServiceTest, ARemovedMessageIsGoneAndTheOthersKeepTheirUids) {
  deliver("first");
  deliver("second");
  MailboxService service(store_, *control_);
  ASSERT_TRUE(run(service.remove("jerry@yahoo.test", Uid{1})));
  EXPECT_EQ(run(service.list("jerry@yahoo.test"))->front().uid, Uid{2});
  expect_error(run(service.remove("jerry@yahoo.test", Uid{1})), Errc::not_found,
               "'mailwright mailbox list jerry@yahoo.test' shows those there are");
}

TEST_F(MailboxServiceTest, WrongAddressesAreExplained) {
  MailboxService service(store_, *control_);
  expect_error(run(service.list("nobody@yahoo.test")), Errc::not_found, "account list");
  expect_error(run(service.remove("nobody@yahoo.test", Uid{1})), Errc::not_found, "account list");
  expect_error(run(service.show("info@yahoo.test", Uid{1})), Errc::not_found,
               "is an alias and has no mailbox: its mail is with jerry@yahoo.test");
}

}  // namespace
}  // namespace mail
