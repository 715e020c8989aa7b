// From the final dot to the commit: makes a Draft of what a session collected, has it judged and
// kept (design §2.3-5). One place decides where each recipient goes.
// Threads: the session's; the task resumes there. All references outlive the spool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "codec/smtp/server_session.h"
#include "service/directory/control_store.h"
#include "service/policy/verdict.h"
#include "service/report/notice_policy.h"
#include "service/routing/route.h"
#include "service/store/enqueued.h"
#include "service/store/mail_store.h"

namespace mail {

class Spool {
 public:
  // `outgoing` is told what a commit put into queues; `notices` decides whom what became of it is
  // told.
  Spool(MailStore& store, ControlStore& control, const Clock& clock, EnqueuedSink& outgoing,
        NoticePolicy& notices)
      : store_(store), control_(control), clock_(clock), outgoing_(outgoing), notices_(notices) {}

  // The Received field for a message about to come in, for DataVerdict, with room behind it for as
  // many octets of content.
  std::string trace_fields(MessageId id, const smtp::SmtpListener& listener,
                           const smtp::Client& client, const smtp::Transaction& transaction,
                           std::size_t room) const;

  // `input` is given away whole; its last chunk is staged here, and what was staged is dropped
  // where the message is not accepted. `client` and `transaction` stay as they are until the answer
  // is there. `trial` has heard the content and is asked about the draft; null: nobody is.
  // Answers after the sync.
  Task<smtp::CommitVerdict> accept(MessageId id, std::shared_ptr<const smtp::SmtpListener> listener,
                                   const smtp::Client& client, const smtp::Transaction& transaction,
                                   std::shared_ptr<const Routes> routes, smtp::JudgeAndCommit input,
                                   std::uint32_t staged_chunks, Trial* trial);

  // End-to-end: all that accept() does before the commit, for mail that is sent on now. The draft
  // has the message, its last chunk staged, and one delivery: Relayed, without facts yet, or what a
  // judge made of it. Whatever comes of it, what was staged is the caller's to drop or commit.
  Task<smtp::CommitVerdict> prepare(Draft& draft, const smtp::SmtpListener& listener,
                                    const smtp::Client& client,
                                    const smtp::Transaction& transaction,
                                    smtp::JudgeAndCommit input, Trial* trial);
  Task<smtp::CommitVerdict::Kind> commit(Draft& draft);

 private:
  Task<smtp::CommitVerdict> judge(Trial& trial, Draft& draft, std::vector<record::Fact>* learnt);
  Task<smtp::CommitVerdict::Kind> stage_last(Draft& draft, std::string chunk);

  MailStore& store_;
  ControlStore& control_;
  const Clock& clock_;
  EnqueuedSink& outgoing_;
  NoticePolicy& notices_;
};

}  // namespace mail
