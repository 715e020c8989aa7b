// Examines one message by SPF, DKIM, ARC and DMARC, asking the DNS as early as it can and all
// together: SPF when the reverse path is known, DKIM and ARC when the header is, while the body
// streams; DMARC at the end.
//
//   Examiner examiner(tools, client address, helo, path);      // SPF is being asked
//   examiner.header(block); examiner.body(piece) ...            // keys are being asked
//   Findings findings = co_await examiner.finish(deadline);
//
// A domain's policy is looked for as soon as the header is there, and shares of the questions and
// of the time are kept for it: a stranger whose own records are many or slow must not get a
// temperror where the domain that he poses as wants him refused.
//
// A question has kMaxExamination from the moment it could be asked: SPF from the reverse path on,
// DKIM, ARC and policies from the header, what DMARC then still asks from the end of the message.
// So a client that sends slowly uses up none of the time of the DNS. What is open at the end has
// until the deadline given there.
//
// Threads: one executor's. Questions are tasks of their own: those that nobody waits for any more
// end by themselves, whenever their answers come; the resolver, and the executor, outlive them. At
// most kMaxQuestions per message (security.md 38); what is over that, or not known by the deadline,
// counts as a failed answer.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/idn.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"
#include "codec/mailauth/findings.h"

namespace mail {

inline constexpr int kMaxQuestions = 40;
inline constexpr std::chrono::seconds kMaxExamination{20};  // RFC 7208 §4.6.4

struct ExaminerTools {
  dns::Resolver& resolver;
  const crypto::Crypto& crypto;
  const Clock& clock;
  const Idn* idn = nullptr;
  bool (*is_public_suffix)(std::string_view name) = nullptr;
  std::string receiver;  // our host name
};

class Examiner {
 public:
  Examiner(const ExaminerTools& tools, IpAddress client, std::string helo, const ReversePath& path);
  ~Examiner();
  Examiner(const Examiner&) = delete;
  Examiner& operator=(const Examiner&) = delete;

  // SPF alone, for those who decide at MAIL or RCPT. Any number of times, one after the other.
  Task<spf::Outcome> spf(MonoTime deadline);

  void header(std::string_view block);  // as it came, before any fix-up; once
  void body(std::string_view piece);    // behind the empty line, cut anywhere
  // Once, and last. Without a header there is SPF alone.
  Task<mailauth::Findings> finish(MonoTime deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mail
