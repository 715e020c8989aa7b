#include "service/spool/spool.h"

#include "service/spool/spool_test_host.h"

namespace mail {
namespace {

using Role = smtp::Role;

// Says one thing of every message.
class Fixed final : public Judge {
 public:
  explicit Fixed(Verdict verdict) : verdict_(std::move(verdict)) {}
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Voice>(verdict_); }

 private:
  struct Voice final : Hearing {
    explicit Voice(const Verdict& verdict) : said(verdict) {}
    Task<Verdict> message(Draft&) override { co_return said; }
    const Verdict& said;
  };
  Verdict verdict_;
};

TEST_F(SpoolTest, AMailIsKeptAsItCame) {
  to({"jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(content(), concat(kTrace, kMail));
  const record::Envelope kept = envelope();
  EXPECT_EQ(kept.reverse_path, "tom@gmail.test");
  EXPECT_EQ(kept.size, kTrace.size() + kMail.size());
  EXPECT_EQ(content().substr(kept.header_size), "Hello Jerry\r\n");
  const auto entries = mail_of(jerry_);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].message, last_id_);
  EXPECT_EQ(entries[0].from, "Tom <tom@gmail.test>");
  EXPECT_EQ(entries[0].subject, "Cheese");
}

TEST_F(SpoolTest, TheReceivedEventSaysWhoCameHow) {
  client_.tls = smtp::TlsFacts{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  client_.login = "tom@gmail.test";
  listener_.role = Role::submission;
  to({"jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fact("client"), "192.0.2.1");
  EXPECT_EQ(fact("port"), "4711");
  EXPECT_EQ(fact("helo"), "mail.gmail.test");
  EXPECT_EQ(fact("protocol"), "ESMTPSA");
  EXPECT_EQ(fact("tls"), "TLSv1.3");
  EXPECT_EQ(fact("cipher"), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(fact("login"), "tom@gmail.test");
  EXPECT_EQ(fact("listener"), "submission");
  EXPECT_EQ(fact("size"), concat(envelope().size));
  EXPECT_EQ(fact("subject"), "none");
}

TEST_F(SpoolTest, SubmissionAddsWhatIsMissingAndHidesBcc) {
  listener_.role = Role::submission;
  to({"jerry@yahoo.test"});
  ASSERT_EQ(accept("From: tom@gmail.test\r\nBcc: spike@yahoo.test,\r\n x@y.test\r\nTo: a@b.c\r\n"
                   "resent-bcc: z@y.test\r\n\r\nBcc: stays\r\n"),
            Kind::accepted);
  EXPECT_EQ(content(), concat(kTrace, "Date: Sat, 21 Nov 2026 22:15:48 +0000\r\nMessage-ID: <",
                              last_id_.to_string(), "@mx.yahoo.test>\r\n",
                              "From: tom@gmail.test\r\nTo: a@b.c\r\n\r\nBcc: stays\r\n"));
  EXPECT_EQ(envelope().size, content().size());
  EXPECT_EQ(content().substr(envelope().header_size), "Bcc: stays\r\n");
  EXPECT_EQ(fact("size"), concat(content().size()));
}

TEST_F(SpoolTest, OtherRolesChangeNothing) {
  for (const Role role : {Role::mx, Role::relay}) {
    listener_.role = role;
    to({"jerry@yahoo.test"});
    for (const std::string_view mail :
         {std::string_view("Bcc: a@b.c\r\n\r\nbody\r\n"), std::string_view("no header at all\r\n"),
          std::string_view("\r\n"), std::string_view("")}) {
      ASSERT_EQ(accept(mail), Kind::accepted);
      EXPECT_EQ(content(), concat(kTrace, mail));
      EXPECT_EQ(envelope().size, content().size());
    }
  }
}

TEST_F(SpoolTest, FromIsCheckedAsTheRoleWants) {
  const std::string none = "To: a@b.c\r\n\r\n";
  const std::string bad = "From: tom\r\n\r\n";
  const std::string two = "From: a@b.c\r\nFrom: a@b.c\r\n\r\n";
  to({"jerry@yahoo.test"});
  listener_.role = Role::submission;
  for (const std::string& mail : {none, bad, two}) EXPECT_EQ(accept(mail), Kind::bad_from);
  listener_.role = Role::mx;
  EXPECT_EQ(accept(none), Kind::accepted);
  EXPECT_EQ(accept(bad), Kind::accepted);
  EXPECT_EQ(accept(two), Kind::several_from);
  listener_.from_check = false;
  EXPECT_EQ(accept(two), Kind::accepted);
  listener_.from_check = true;
  listener_.role = Role::relay;
  for (const std::string& mail : {none, bad, two}) EXPECT_EQ(accept(mail), Kind::accepted);
}

TEST_F(SpoolTest, ALoopEndsAfterAHundredHops) {
  to({"jerry@yahoo.test"});
  std::string hops;
  for (int i = 0; i < 100; ++i) hops += "Received: x\r\n";
  EXPECT_EQ(accept(concat(hops, kMail)), Kind::accepted);
  for (const Role role : {Role::mx, Role::submission, Role::relay}) {
    listener_.role = role;
    EXPECT_EQ(accept(concat(hops, "Received: x\r\n", kMail)), Kind::too_many_hops);
  }
  EXPECT_EQ(store_.counters().messages, 1);
}

TEST_F(SpoolTest, AHeaderOverItsLimitsIsRefused) {
  to({"jerry@yahoo.test"});
  std::string many;
  for (int i = 0; i < 5001; ++i) many += "X: 1\r\n";
  EXPECT_EQ(accept(many), Kind::header_too_large);
  EXPECT_EQ(accept(concat("X: ", std::string(std::size_t{256} << 10, 'x'), "\r\n\r\n")),
            Kind::header_too_large);
}

TEST_F(SpoolTest, AStagedBodyIsCommittedWhole) {
  to({"jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail, {"one\r\n", "two\r\n", "the end\r\n"}), Kind::accepted);
  EXPECT_EQ(content(), concat(kTrace, kMail, "one\r\ntwo\r\nthe end\r\n"));
  EXPECT_EQ(envelope().size, content().size());
}

TEST_F(SpoolTest, AHeaderThatGoesOnInTheNextChunkIsTooLarge) {
  to({"jerry@yahoo.test"});
  EXPECT_EQ(accept("From: tom@gmail.test\r\nSubj", {"ect: x\r\n\r\n"}), Kind::header_too_large);
  EXPECT_EQ(store_.counters().messages, 0);
}

TEST_F(SpoolTest, WhatIsRefusedLeavesNoChunksBehind) {
  Fixed reject(Reject{"no"});
  judges_ = {&reject};
  to({"jerry@yahoo.test"});
  store_.fail_next_commit(Errc::io_error);
  EXPECT_EQ(accept(kMail, {"one\r\n", "end\r\n"}), Kind::refused);
  judges_.clear();
  EXPECT_EQ(accept(kMail, {"one\r\n", "end\r\n"}), Kind::try_later);
  // Dropped chunks can be staged again under the same number.
  EXPECT_TRUE(block_on(loop_, store_.stage(last_id_, 1, "x")));
}

TEST_F(SpoolTest, WhatTheStoreSaysIsPassedOn) {
  to({"jerry@yahoo.test"});
  store_.fail_next_commit(Errc::storage_full);
  EXPECT_EQ(accept(kMail), Kind::storage_full);
  store_.fail_next_commit(Errc::invalid_argument);
  EXPECT_EQ(accept(kMail), Kind::try_later);
  store_.set_storage_low(true);
  EXPECT_EQ(accept(kMail), Kind::storage_full);
  store_.set_storage_low(false);
  store_.set_healthy(false);
  EXPECT_EQ(accept(kMail), Kind::try_later);
  EXPECT_EQ(accept(kMail, {"end\r\n"}), Kind::try_later);
  store_.set_healthy(true);
  EXPECT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(store_.counters().messages, 1);
}

TEST_F(SpoolTest, AJudgeMayAddFieldsTagsAndAFolder) {
  Fixed junk(Accept{.added_fields = "X-Spam: yes\r\n", .tags = {"spam", "late"}, .folder = "Junk"});
  judges_ = {&junk};
  to({"jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(content(), concat("X-Spam: yes\r\n", kTrace, kMail));
  EXPECT_EQ(content().substr(envelope().header_size), "Hello Jerry\r\n");
  EXPECT_EQ(fact("tags"), "spam, late");
  EXPECT_EQ(fact("size"), concat(content().size()));
  EXPECT_EQ(mail_of(jerry_).size(), 0u);
  EXPECT_EQ(mail_of(jerry_, "Junk").size(), 1u);
}

TEST_F(SpoolTest, AJudgeMayHoldOrDiscardForEveryRecipient) {
  routes_ = routes_of({{"*", Route::Kind::discard}});
  to({"jerry@yahoo.test", "spike@yahoo.test", "a@b.test"});
  Fixed hold(Hold{"odd"});
  judges_ = {&hold};
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (std::vector<std::string>{"jerry@yahoo.test=held", "spike@yahoo.test=held",
                                               "a@b.test=held"}));
  EXPECT_EQ(block_on(loop_, store_.held(10))->at(0).delivery.reason, "odd");
  Fixed discard(Discard{"bad"});
  judges_ = {&discard};
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(store_.counters().discarded, 3);
  EXPECT_EQ(store_.counters().accepted, 6);
}

TEST_F(SpoolTest, AJudgeMayRefuseOrDefer) {
  to({"jerry@yahoo.test"});
  Fixed reject(Reject{"no"});
  judges_ = {&reject};
  EXPECT_EQ(accept(kMail), Kind::refused);
  EXPECT_EQ(words_, concat("5.7.1 Message refused (", last_id_.to_string(), ')'));
  Fixed defer(Defer{"later"});
  judges_ = {&defer};
  EXPECT_EQ(accept(kMail), Kind::try_later);
  EXPECT_EQ(words_, concat("4.3.0 Not possible now, try again later (", last_id_.to_string(), ')'));
  Fixed worded(Reject{.reason = "x", .reply = "Not this one", .status = "5.7.26"});
  judges_ = {&worded};
  EXPECT_EQ(accept(kMail), Kind::refused);
  EXPECT_EQ(words_, concat("5.7.26 Not this one (", last_id_.to_string(), ')'));
  EXPECT_EQ(store_.counters(), Counters{});
}

TEST_F(SpoolTest, WhatMailAndRcptAskedIsKept) {  // RFC 3461 §5.2.1
  to({"jerry@yahoo.test", "spike@yahoo.test"});
  transaction_.options.ret = Ret::headers;
  transaction_.options.envid = "QQ314159";
  transaction_.options.smtputf8 = true;
  transaction_.recipients[0].notify = {.said = true, .success = true};
  transaction_.recipients[0].original = "rfc822;j@gmail.test";
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(envelope().options, transaction_.options);
  ASSERT_EQ(envelope().recipients.size(), 2U);
  EXPECT_EQ(
      envelope().recipients[0],
      Recipient("jerry@yahoo.test", transaction_.recipients[0].notify, "rfc822;j@gmail.test"));
  EXPECT_EQ(envelope().recipients[1], Recipient("spike@yahoo.test"));
  EXPECT_EQ(fact("protocol"), "UTF8SMTP");
}

TEST_F(SpoolTest, TlsRequiredNoIsSeenButNotAgainstRequireTls) {  // RFC 8689 §4.1
  to({"jerry@yahoo.test"});
  const std::string mail = concat("TLS-Required: No\r\n", kMail);
  ASSERT_EQ(accept(mail), Kind::accepted);
  EXPECT_TRUE(envelope().options.tls_optional);
  transaction_.options.require_tls = true;
  ASSERT_EQ(accept(mail), Kind::accepted);
  EXPECT_FALSE(envelope().options.tls_optional);
  EXPECT_TRUE(envelope().options.require_tls);
}

TEST_F(SpoolTest, HeldMailIsQueuedUntilItsTime) {  // RFC 4865 §4.2
  const WallTime until = kSpoolTestTime + std::chrono::hours(1);
  to({"jerry@yahoo.test", "tuffy@elsewhere.test"});
  transaction_.options.hold_until = until;
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_TRUE(mail_of(jerry_).empty());
  EXPECT_EQ(fates(),
            (std::vector<std::string>{"jerry@yahoo.test=queued", "tuffy@elsewhere.test=queued"}));
  const auto waiting = block_on(loop_, store_.queued_of(last_id_));
  ASSERT_TRUE(waiting && waiting->size() == 2);
  for (const QueuedDelivery& delivery : *waiting) EXPECT_EQ(delivery.key.due, until);
  EXPECT_EQ(waiting->at(0).delivery.added_fields, "");  // written when it is delivered
}

TEST_F(SpoolTest, ATimeThatHasPassedHoldsNothing) {
  to({"jerry@yahoo.test"});
  transaction_.options.hold_until = kSpoolTestTime;
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(mail_of(jerry_).size(), 1U);
}

TEST_F(SpoolTest, TheTraceNamesTheClientButNotOnSubmission) {
  to({"jerry@yahoo.test"});
  const Spool spool(store_, *control_, clock_, outgoing_, policy_);
  const MessageId id = store_.next_id();
  const std::string open = spool.trace_fields(id, listener_, client_, transaction_, 0);
  EXPECT_TRUE(open.starts_with("Received: from mail.gmail.test ([192.0.2.1])\r\n")) << open;
  EXPECT_NE(open.find("for <jerry@yahoo.test>"), std::string::npos);
  EXPECT_NE(open.find(id.to_string()), std::string::npos);
  listener_.role = Role::submission;
  client_.login = "tom@gmail.test";
  to({"jerry@yahoo.test", "spike@yahoo.test"});
  const std::string masked = spool.trace_fields(id, listener_, client_, transaction_, 0);
  for (const char* hidden : {"192.0.2.1", "mail.gmail.test", "tom@", "for <"}) {
    EXPECT_EQ(masked.find(hidden), std::string::npos) << masked;
  }
}

}  // namespace
}  // namespace mail
