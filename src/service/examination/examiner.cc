#include "service/examination/examiner.h"

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/text.h"

namespace mail {
namespace {

using mailauth::Findings;
using mailauth::Question;

dns::Answer failed(std::string why) {
  dns::Answer answer;
  answer.why = std::move(why);
  return answer;
}

// Questions that one part of the examination may ask whatever the others have asked. What a part
// does not need once it is done is for everybody.
struct Share {
  int kept = 0;
  int used = 0;
  int left() const { return std::max(kept - used, 0); }
};

// An evaluator and the round of questions that it waits for.
class Lane {
 public:
  explicit Lane(Share& its_share, MonoTime its_deadline)
      : share(its_share), deadline(its_deadline) {}
  virtual ~Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  virtual const std::vector<Question>& questions() const = 0;
  virtual void answer(std::vector<dns::Answer> all) = 0;
  bool finished() const { return questions().empty(); }

  Share& share;
  MonoTime deadline;
  std::vector<dns::Answer> answers;
  std::size_t missing = 0;
};

template <typename Evaluator>
class LaneOf final : public Lane {
 public:
  LaneOf(Evaluator its_evaluator, Share& its_share, MonoTime its_deadline)
      : Lane(its_share, its_deadline), evaluator(std::move(its_evaluator)) {}
  const std::vector<Question>& questions() const override { return evaluator.questions(); }
  void answer(std::vector<dns::Answer> all) override { evaluator.answer(std::move(all)); }

  Evaluator evaluator;
};

using Lanes = std::vector<Lane*>;

}  // namespace

// Lives as long as the examiner or a question of it.
struct Examiner::State {
  // What was asked, once for all who want to know.
  struct Asked {
    MonoTime deadline;
    bool known = false;
    dns::Answer answer{};
    std::vector<std::pair<Lane*, std::size_t>> waiting{};  // lanes, and which of their questions
  };
  using Key = std::pair<std::string, dns::Type>;

  // Goes on when all of `lanes` are finished.
  struct Until {
    State& state;
    Lanes lanes;
    std::coroutine_handle<> waiter{};

    ~Until() {
      if (state.until == this) state.until = nullptr;
    }
    bool ready() const { return std::ranges::all_of(lanes, &Lane::finished); }
    bool await_ready() const { return ready(); }
    void await_suspend(std::coroutine_handle<> caller) {
      MAIL_ASSERT(state.until == nullptr);
      waiter = caller;
      state.until = this;
    }
    void await_resume() const {}
  };

  explicit State(const ExaminerTools& the_tools) : tools(the_tools) {}

  // Of what can be asked from now on.
  MonoTime last() const { return tools.clock.mono_now() + kMaxExamination; }

  using Self = std::shared_ptr<State>;
  // Each may end with the waiter having run; `self` keeps what they stand on.
  static void advance(const Self& self, Lane& lane);
  static void request(const Self& self, Lane& lane, std::size_t index, const Question& question);
  static detail::Detached ask(Self self, Key key, MonoTime deadline);
  static void learn(const Self& self, Asked& asked, dns::Answer answer);
  static void shorten(const Self& self, const Lanes& lanes, MonoTime deadline);
  static Task<spf::Outcome> judge_spf(Self self, MonoTime deadline);
  static Task<Findings> finish(Self self, MonoTime deadline);

  bool may_ask(const Share& share) const;
  void start_spf(IpAddress client, const std::string& helo, const ReversePath& path);
  dmarc::Subject dmarc_subject(const Findings& findings, const std::string& author) const;
  using DmarcLanes = std::vector<std::unique_ptr<LaneOf<dmarc::Evaluator>>>;
  static void add_dmarc(const Self& self, DmarcLanes& lanes, dmarc::Subject subject,
                        MonoTime deadline);

  const ExaminerTools tools;
  bool gone = false;  // nobody wants to know any more
  Until* until = nullptr;
  std::map<Key, Asked> asked;  // its nodes stay where they are

  Share spf_share{16};
  Share helo_share{3};
  Share dkim_share{static_cast<int>(dkim::kMaxSignatures)};
  Share arc_share{0};
  Share dmarc_share{9};  // a whole walk, and whether the domain exists

  std::unique_ptr<LaneOf<spf::Evaluator>> spf;
  std::unique_ptr<LaneOf<spf::Evaluator>> spf_helo;  // empty where spf is about HELO
  std::unique_ptr<LaneOf<dkim::Verifier>> dkim;
  std::unique_ptr<LaneOf<arc::Verifier>> arc;
  mailauth::AuthorDomains authors;
  DmarcLanes scouts;  // find the policies, before anybody knows what passes
  DmarcLanes dmarc;
};

// Asks what `lane` wants to know, and goes on as long as that is known already.
void Examiner::State::advance(const Self& self, Lane& lane) {
  while (!self->gone && !lane.finished()) {
    const std::vector<Question> questions = lane.questions();
    lane.answers.assign(questions.size(), {});
    // One more than there are: answers that come at once must not start the next round from within
    // this one.
    lane.missing = questions.size() + 1;
    for (std::size_t i = 0; i < questions.size(); ++i) request(self, lane, i, questions[i]);
    if (--lane.missing > 0) return;
    lane.answer(std::move(lane.answers));
  }
  // DMARC's scouts leave theirs to those that follow.
  if (lane.finished() && &lane.share != &self->dmarc_share) lane.share.kept = 0;
}

bool Examiner::State::may_ask(const Share& share) const {
  if (share.left() > 0) return true;
  int promised = 0;
  for (const Share* each : {&spf_share, &helo_share, &dkim_share, &arc_share, &dmarc_share}) {
    promised += each->left();
  }
  return static_cast<int>(asked.size()) + promised < kMaxQuestions;
}

void Examiner::State::request(const Self& self, Lane& lane, std::size_t index,
                              const Question& question) {
  const auto know = [&](dns::Answer answer) {
    lane.answers[index] = std::move(answer);
    --lane.missing;
  };
  const Key key{question.name, question.type};
  const auto found = self->asked.find(key);
  if (found != self->asked.end() && found->second.known) return know(found->second.answer);
  if (found != self->asked.end()) return found->second.waiting.emplace_back(&lane, index), void();
  if (self->tools.clock.mono_now() >= lane.deadline) return know(failed("no time was left to ask"));
  if (!self->may_ask(lane.share)) {
    return know(failed(concat("over ", kMaxQuestions, " questions for one message")));
  }
  ++lane.share.used;
  Asked& asked = self->asked[key];
  asked.deadline = lane.deadline;
  asked.waiting.emplace_back(&lane, index);
  ask(self, key, lane.deadline);
}

// A coroutine of its own; `self` is what keeps it safe when the examiner goes first.
detail::Detached Examiner::State::ask(Self self, Key key, MonoTime deadline) {
  dns::Answer answer = co_await self->tools.resolver.ask(key.first, key.second, deadline);
  if (!self->gone) learn(self, self->asked.at(key), std::move(answer));
}

void Examiner::State::learn(const Self& self, Asked& asked, dns::Answer answer) {
  if (asked.known) return;  // asked again with less time; see shorten()
  asked.known = true;
  asked.answer = std::move(answer);
  for (const auto& [lane, index] : std::exchange(asked.waiting, {})) {
    lane->answers[index] = asked.answer;
    if (--lane->missing > 0) continue;
    lane->answer(std::move(lane->answers));
    advance(self, *lane);
  }
  if (self->until != nullptr && self->until->ready()) {
    std::exchange(self->until, nullptr)->waiter.resume();
  }
}

// Questions under way are asked once more, with less time: the resolver has but one of the same
// kind on its way, and whichever answer is first counts.
void Examiner::State::shorten(const Self& self, const Lanes& lanes, MonoTime deadline) {
  for (Lane* lane : lanes) lane->deadline = std::min(lane->deadline, deadline);
  std::vector<Key> late;
  for (auto& [key, asked] : self->asked) {
    const bool wanted = std::ranges::any_of(asked.waiting, [&](const auto& waits) {
      return std::ranges::find(lanes, waits.first) != lanes.end();
    });
    if (asked.known || !wanted || asked.deadline <= deadline) continue;
    asked.deadline = deadline;
    late.push_back(key);
  }
  for (Key& key : late) ask(self, std::move(key), deadline);
}

void Examiner::State::start_spf(IpAddress client, const std::string& helo,
                                const ReversePath& path) {
  spf::Subject subject{client, helo, "", "", tools.receiver, tools.clock.wall_now()};
  if (path.mailbox && !path.mailbox->domain.empty()) {
    spf_helo =
        std::make_unique<LaneOf<spf::Evaluator>>(spf::Evaluator(subject), helo_share, last());
    subject.local_part = path.mailbox->local_part;
    subject.domain = path.mailbox->domain.text();
  } else {
    helo_share.kept = 0;
  }
  spf = std::make_unique<LaneOf<spf::Evaluator>>(spf::Evaluator(std::move(subject)), spf_share,
                                                 last());
}

dmarc::Subject Examiner::State::dmarc_subject(const Findings& findings,
                                              const std::string& author) const {
  dmarc::Subject subject;
  subject.author_domain = author;
  subject.is_public_suffix = tools.is_public_suffix;
  if (findings.spf.verdict == spf::Verdict::pass) subject.spf_domain = findings.spf.domain;
  if (findings.spf.verdict == spf::Verdict::temperror) {
    subject.undecided.push_back(findings.spf.domain);
  }
  for (const dkim::SignatureResult& signature : findings.dkim.signatures) {
    if (signature.verdict == dkim::Verdict::pass) subject.dkim_domains.push_back(signature.domain);
    if (signature.verdict == dkim::Verdict::temperror) {
      subject.undecided.push_back(signature.domain);
    }
  }
  return subject;
}

void Examiner::State::add_dmarc(const Self& self, DmarcLanes& lanes, dmarc::Subject subject,
                                MonoTime deadline) {
  lanes.push_back(std::make_unique<LaneOf<dmarc::Evaluator>>(dmarc::Evaluator(std::move(subject)),
                                                             self->dmarc_share, deadline));
  advance(self, *lanes.back());
}

Task<spf::Outcome> Examiner::State::judge_spf(Self self, MonoTime deadline) {
  const Lanes lanes{self->spf.get()};
  shorten(self, lanes, deadline);
  co_await Until{*self, lanes};
  co_return self->spf->evaluator.outcome();
}

Task<Findings> Examiner::State::finish(Self self, MonoTime deadline) {
  const MonoTime now = self->tools.clock.mono_now();
  deadline = std::min(deadline, self->last());
  Lanes evidence{self->spf.get()};
  if (self->spf_helo) evidence.push_back(self->spf_helo.get());
  if (self->dkim) {
    self->dkim->evaluator.end();
    self->arc->evaluator.end();
    evidence.insert(evidence.end(), {self->dkim.get(), self->arc.get()});
  }
  // The last quarter is for DMARC, which begins where these end.
  shorten(self, evidence, now < deadline ? deadline - (deadline - now) / 4 : deadline);
  co_await Until{*self, evidence};

  Findings findings;
  findings.spf = self->spf->evaluator.outcome();
  findings.spf_helo = self->spf_helo ? self->spf_helo->evaluator.outcome() : findings.spf;
  if (self->dkim) {
    findings.dkim = self->dkim->evaluator.outcome();
    findings.arc = self->arc->evaluator.outcome();
  }
  findings.authors = self->authors;
  Lanes policies;
  for (const auto& scout : self->scouts) policies.push_back(scout.get());
  shorten(self, policies, deadline);
  policies.clear();
  for (const std::string& author : findings.authors.domains) {
    add_dmarc(self, self->dmarc, self->dmarc_subject(findings, author), deadline);
    policies.push_back(self->dmarc.back().get());
  }
  co_await Until{*self, policies};
  for (const auto& lane : self->dmarc) findings.dmarc.push_back(lane->evaluator.outcome());
  co_return findings;
}

Examiner::Examiner(const ExaminerTools& tools, IpAddress client, std::string helo,
                   const ReversePath& path)
    : state_(std::make_shared<State>(tools)) {
  state_->start_spf(client, helo, path);
  State::advance(state_, *state_->spf);
  if (state_->spf_helo) State::advance(state_, *state_->spf_helo);
}

Examiner::~Examiner() { state_->gone = true; }

Task<spf::Outcome> Examiner::spf(MonoTime deadline) { return State::judge_spf(state_, deadline); }

void Examiner::header(std::string_view block) {
  State& state = *state_;
  MAIL_ASSERT(!state.dkim);
  const WallTime now = state.tools.clock.wall_now();
  const MonoTime last = state.last();
  const crypto::Crypto& crypto = state.tools.crypto;
  const Idn* const idn = state.tools.idn;
  state.authors = mailauth::author_domains(block, idn);
  state.dkim = std::make_unique<LaneOf<dkim::Verifier>>(dkim::Verifier(block, now, crypto, idn),
                                                        state.dkim_share, last);
  state.arc = std::make_unique<LaneOf<arc::Verifier>>(arc::Verifier(block, now, crypto, idn),
                                                      state.arc_share, last);
  State::advance(state_, *state.dkim);
  state.dkim_share.kept = 0;  // it asks for all its keys at once
  for (const std::string& author : state.authors.domains) {
    State::add_dmarc(state_, state.scouts, state.dmarc_subject({}, author), last);
  }
  State::advance(state_, *state.arc);
}

void Examiner::body(std::string_view piece) {
  MAIL_ASSERT(state_->dkim != nullptr);
  state_->dkim->evaluator.body(piece);
  state_->arc->evaluator.body(piece);
}

Task<Findings> Examiner::finish(MonoTime deadline) { return State::finish(state_, deadline); }

}  // namespace mail
