// A spool on a store in memory and a directory with Jerry and Spike, for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/text.h"
#include "service/routing/test_routes.h"
#include "service/spool/spool.h"
#include "service/store/ledger.h"
#include "service/store/model_mail_store.h"

namespace mail {

constexpr WallTime kSpoolTestTime{Milliseconds(1'795'299'348'123)};  // Sat, 21 Nov 2026 22:15:48

struct RememberedMail final : EnqueuedSink {
  void enqueued(Enqueued mail) override { told.push_back(std::move(mail)); }
  std::vector<Enqueued> told;
};

// Tells what was asked for, as RFC 3461 §5.2 has it; service/report is the real one.
struct PlainPolicy final : NoticePolicy {
  std::optional<record::Notice> decide(record::Notice proposed, const Recipient& recipient,
                                       const MailOptions&) override {
    const bool failed = proposed.kind == record::NoticeKind::failed;
    const bool asked = failed ? recipient.notify.wants_failure() : recipient.notify.success;
    if (proposed.reverse_path.empty() || !asked) return std::nullopt;
    return proposed;
  }
  void due(const std::vector<MessageId>& messages) override {
    told.insert(told.end(), messages.begin(), messages.end());
  }
  std::vector<MessageId> told;
};

class SpoolTest : public testing::Test {
 protected:
  using Kind = smtp::CommitVerdict::Kind;

  SpoolTest() : folder_(make_folder()), control_(open_control(folder_)) {
    listener_.hostname = "mx.yahoo.test";
    client_.peer.address = *IpAddress::parse("192.0.2.1");
    client_.peer.port = 4711;
    client_.helo = "mail.gmail.test";
    client_.esmtp = true;
    transaction_.reverse_path.mailbox = *Mailbox::parse("tom@gmail.test");
    jerry_ = add_account("jerry@yahoo.test");
    spike_ = add_account("spike@yahoo.test");
  }
  ~SpoolTest() override {
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  AccountId add_account(std::string_view address) {
    const Mailbox mailbox = *Mailbox::parse(address);
    if (!control_->snapshot()->is_local(mailbox.domain)) {
      EXPECT_TRUE(control_->add_domain(mailbox.domain, ""));
    }
    const auto id = control_->add_account(mailbox, "", std::nullopt);
    EXPECT_TRUE(id);
    return id.value_or(AccountId{});
  }
  void to(std::initializer_list<std::string_view> recipients) {
    transaction_.recipients.clear();
    for (std::string_view recipient : recipients) {
      const auto parsed = parse_path(concat('<', recipient, '>'));
      ASSERT_TRUE(parsed && parsed->path.mailbox.has_value()) << recipient;
      transaction_.recipients.push_back(parsed->path.mailbox.value_or(Mailbox{}));
    }
  }
  // `message` behind a trace field, then the chunks, all but the last staged already; the id of the
  // message is last_id_.
  Kind accept(std::string_view message, std::vector<std::string> chunks = {}) {
    last_id_ = store_.next_id();
    std::string last;
    std::uint32_t staged_chunks = 0;
    std::size_t chunk_octets = 0;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      chunk_octets += chunks[i].size();
      if (i + 1 == chunks.size()) {
        last = std::move(chunks[i]);
      } else {
        EXPECT_TRUE(block_on(loop_, store_.stage(last_id_, ++staged_chunks, std::move(chunks[i]))));
      }
    }
    smtp::JudgeAndCommit input;
    input.content = concat(kTrace, message);
    input.trace_size = kTrace.size();
    input.size = input.content.size() + chunk_octets;
    input.last_chunk = std::move(last);
    Trial trial(judges_, listener_, client_, transaction_);
    Spool spool(store_, *control_, clock_, outgoing_, policy_);
    const auto verdict =
        block_on(loop_, spool.accept(last_id_, std::make_shared<smtp::SmtpListener>(listener_),
                                     client_, transaction_, std::make_shared<Routes>(routes_),
                                     std::move(input), staged_chunks, &trial));
    EXPECT_EQ(verdict.id, last_id_);
    words_ = verdict.words.text;
    return verdict.kind;
  }
  std::vector<record::Event> events() {
    return block_on(loop_, store_.events_of(last_id_)).value_or(std::vector<record::Event>{});
  }
  record::Envelope envelope() {
    return block_on(loop_, store_.envelope(last_id_)).value_or(record::Envelope{});
  }
  std::string content() {
    const record::BodyRef body = envelope().body;
    std::string whole;
    for (;;) {
      const auto part = block_on(loop_, store_.read_body(body, whole.size()));
      if (!part || part->empty()) return whole;
      whole += *part;
    }
  }
  std::vector<record::MailboxEntry> mail_of(AccountId account, std::string_view folder = "INBOX") {
    for (const auto& info : *block_on(loop_, store_.mailboxes(account))) {
      if (info.name == folder) return *block_on(loop_, store_.entries(info.id, Uid{0}, 100));
    }
    return {};
  }
  // "jerry@yahoo.test=delivered", as an independent reader of the events sees it.
  std::vector<std::string> fates() {
    std::vector<std::string> out;
    Counters sums;
    for (const RecipientState& state : recipient_states(events())) {
      out.push_back(
          concat(state.recipient, '=', state.state ? record::to_string(*state.state) : "queued"));
      ++sums.accepted;
      ++counter_of(sums, state.state);
    }
    sums.messages = store_.counters().messages;
    if (sums.messages == 1) EXPECT_TRUE(sums == store_.counters()) << "events and counters differ";
    return out;
  }
  std::string fact(std::string_view name) {
    const auto told = events();
    for (const record::Fact& found : told.at(0).facts) {
      if (found.name == name) return found.value;
    }
    return "none";
  }

  static constexpr std::string_view kTrace = "Received: from a\r\n\tby b; now\r\n";
  static constexpr std::string_view kMail =
      "From: Tom <tom@gmail.test>\r\nDate: today\r\nMessage-ID: <1@gmail.test>\r\n"
      "Subject: Cheese\r\n\r\nHello Jerry\r\n";

  ManualClock clock_{kSpoolTestTime};
  ModelMailStore store_{clock_};
  LoopExecutor loop_;
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> control_;
  std::vector<Judge*> judges_;
  std::string words_;  // of the last answer, where a judge had some
  Routes routes_;
  RememberedMail outgoing_;
  PlainPolicy policy_;
  smtp::SmtpListener listener_;
  smtp::Client client_;
  smtp::Transaction transaction_;
  MessageId last_id_;
  AccountId jerry_;
  AccountId spike_;

 private:
  static std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mw-spool-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
  }
  static std::unique_ptr<ControlStore> open_control(const std::filesystem::path& folder) {
    auto opened = ControlStore::open(folder / "control.db");
    MAIL_ASSERT(opened.has_value());
    return std::move(*opened);
  }
};

}  // namespace mail
