#include "play.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/smtp/server_session.h"

namespace mail::model {

namespace {

using smtp::Action;
using smtp::Phase;

constexpr std::string_view kTrace = "Received: from test\r\n";
constexpr std::string_view kAccount = "jerry@yahoo.test";

// What happens, one after another: pieces that arrive, and the rest.
struct Event {
  Step::Kind kind = Step::Kind::bytes;
  std::string bytes;
};

std::vector<Event> events_of(const Script& script) {
  Dice dice(script.seed);
  std::vector<Event> events;
  std::string group;
  std::size_t cut = 0;
  const auto arrives = [&] {
    if (cut != 0) cut = std::max(cut, group.size() / 200);  // large bodies in large pieces
    for (std::size_t at = 0; at < group.size();) {
      const std::size_t size = cut == 0 ? group.size() : 1 + dice.below(cut);
      events.push_back({Step::Kind::bytes, group.substr(at, size)});
      at += size;
    }
    group.clear();
  };
  for (const Step& step : script.steps) {
    group += step.bytes;
    cut = step.cut;
    if (step.joined && step.kind == Step::Kind::bytes) continue;
    arrives();
    if (step.kind != Step::Kind::bytes) events.push_back({step.kind, {}});
  }
  arrives();
  return events;
}

std::string show(const Said& said) { return concat(said.code, ' ', said.enhanced); }
std::string show(const Question& question) {
  constexpr std::string_view kNames[] = {"for a sender", "for a recipient", "for a login",
                                         "for a step",   "for a name",      "for DATA",
                                         "to commit",    "for TLS"};
  return concat(kNames[static_cast<std::size_t>(question.what)], ' ', escaped(question.about));
}

class Game {
 public:
  Game(const Script& script, Figures& figures)
      : script_(script),
        figures_(figures),
        dice_(script.seed + 1),
        events_(events_of(script)),
        listener_(std::make_shared<const smtp::SmtpListener>(script.listener)),
        session_(listener_, peer(), MonoTime{}),
        model_(*listener_, script.around) {}

  std::string play() {
    begin();
    while (trouble_.empty() && next_ < events_.size() && !closed_) {
      happen(events_[next_++]);
      pump();
      compare();
    }
    finish();
    return trouble_;
  }

 private:
  smtp::Peer peer() const {
    smtp::Peer peer;
    peer.address = *IpAddress::parse(script_.around.loopback ? "127.0.0.1" : "192.0.2.1");
    peer.may_relay = script_.around.may_relay;
    return peer;
  }

  void wrong(std::string what) {
    if (trouble_.empty()) trouble_ = std::move(what);
  }

  void begin() {
    session_.set_cram_md5(script_.around.cram_md5);
    session_.set_tls_available(script_.around.tls_available);
    if (listener_->tls == smtp::TlsMode::implicit) {
      session_.tls_established({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
      model_.begin_under_tls();
    }
    if (script_.early && !events_.empty() && events_[0].kind == Step::Kind::bytes) {
      happen(events_[next_++]);
      feed();
    }
    pump();
    compare();
  }

  void happen(const Event& event) {
    switch (event.kind) {
      case Step::Kind::bytes:
        rest_ += event.bytes;
        return model_.arrive(event.bytes);
      case Step::Kind::time_out:
        session_.time_out();
        return model_.time_out();
      case Step::Kind::shut_down:
        session_.shut_down();
        return model_.shut_down();
      case Step::Kind::gone:
        session_.disconnect();
        model_.disconnect();
        gone_ = true;
    }
  }

  std::size_t feed() {
    const std::size_t taken = session_.consume(rest_, MonoTime{});
    if (taken > rest_.size()) wrong("took more than there was");
    rest_.erase(0, taken);
    return taken;
  }

  void pump() {
    while (trouble_.empty()) {
      bool acted = false;
      while (std::optional<Action> action = session_.next()) {
        acted = true;
        perform(*std::move(action));
        if (!trouble_.empty()) return;
      }
      if (closed_ || rest_.empty()) return;
      if (session_.waiting_for_answer()) return wrong("waits for an answer nobody was asked for");
      if (feed() == 0 && !acted) return wrong("takes nothing and says nothing");
    }
  }

  void perform(Action action) {
    if (closed_) return wrong("acts behind Close");
    if (auto* send = std::get_if<smtp::Send>(&action)) {
      output_ += send->bytes;
    } else if (auto* stage = std::get_if<smtp::StageBody>(&action)) {
      if (stage->chunk.size() != smtp::kStageChunk) wrong("stages a chunk of an odd size");
      staged_.push_back(std::move(stage->chunk));
      ++figures_.staged;
    } else if (std::holds_alternative<smtp::DropBody>(action)) {
      if (staged_.empty()) wrong("drops what was never staged");
      staged_.clear();
    } else if (std::holds_alternative<smtp::Close>(action)) {
      closed_ = true;
    } else {
      asked(action);
    }
  }

  Question question_of(const Action& action) {
    if (const auto* sender = std::get_if<smtp::AskSender>(&action)) {
      return {Ask::sender, sender->reverse_path.to_string()};
    }
    if (const auto* recipient = std::get_if<smtp::AskRecipient>(&action)) {
      return {Ask::recipient, recipient->recipient.to_string()};
    }
    if (const auto* login = std::get_if<smtp::AskLogin>(&action)) {
      return {Ask::login, concat(login->user, ' ', login->password)};
    }
    if (const auto* step = std::get_if<smtp::AskSaslStep>(&action)) {
      const bool cram = step->mechanism == sasl::Mechanism::cram_md5;
      return {Ask::step,
              concat(cram ? "CRAM-MD5 " : "SCRAM-SHA-256 ", step->response.value_or("(none)"))};
    }
    if (const auto* lookup = std::get_if<smtp::AskLookup>(&action)) {
      return {Ask::lookup, concat(lookup->expand ? "EXPN " : "VRFY ", lookup->name)};
    }
    if (const auto* judge = std::get_if<smtp::JudgeAndCommit>(&action)) {
      return {Ask::commit, content_of(*judge)};
    }
    return {std::holds_alternative<smtp::AskData>(action) ? Ask::data : Ask::tls, ""};
  }

  // Without the trace fields, which begin it.
  std::string content_of(const smtp::JudgeAndCommit& judge) {
    std::string whole = judge.content;
    for (const std::string& chunk : staged_) whole += chunk;
    whole += judge.last_chunk;
    if (whole.size() != judge.size || !whole.starts_with(kTrace)) wrong("content miscounted");
    if (!staged_.empty() && judge.last_chunk.empty()) wrong("staged, and no last chunk");
    return whole.substr(std::min(whole.size(), kTrace.size()));
  }

  void asked(const Action& action) {
    const Question question = question_of(action);
    const std::optional<Question> expected = model_.run();
    if (!expected) return wrong(concat("asks ", show(question), ", the model nothing"));
    if (expected->what != question.what || expected->about != question.about) {
      return wrong(concat("asks ", show(question), ", the model ", show(*expected)));
    }
    compare_transaction();
    if (question.what == Ask::tls) return hand_over();
    // The world goes on meanwhile; what arrives waits.
    if (next_ < events_.size() && dice_.one_in(6) && events_[next_].kind != Step::Kind::time_out) {
      happen(events_[next_++]);
    }
    if (gone_ && question.what == Ask::commit) staged_.clear();  // the committer has them
    answer(question.what);
  }

  void hand_over() {
    if (!rest_.empty()) return wrong("plaintext is left when TLS begins");
    session_.tls_established({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
    model_.tls_established();
    ++figures_.upgrades;
  }

  void answer(Ask what) {
    const Judged judged = judge(what);
    const std::string account(kAccount);
    const smtp::PolicyWords& words = judged.words;
    model_.answer(judged, account);
    const auto told = [&](const auto& verdict) {
      using Verdict = std::decay_t<decltype(verdict)>;
      if constexpr (std::is_same_v<Verdict, smtp::LoginVerdict>) {
        session_.answer(verdict, account);
        figures_.logins += verdict == smtp::LoginVerdict::accept ? 1 : 0;
      } else if constexpr (std::is_same_v<Verdict, smtp::SenderVerdict> ||
                           std::is_same_v<Verdict, smtp::RecipientVerdict>) {
        session_.answer(verdict, words);
      } else {
        if (what == Ask::commit) settled(verdict);
        session_.answer(verdict);
      }
    };
    std::visit(told, judged.verdict);
  }

  template <typename Verdict>
  void settled(const Verdict& verdict) {
    bool taken = false;
    if constexpr (std::is_same_v<Verdict, smtp::CommitVerdict>) {
      taken = verdict.kind == smtp::CommitVerdict::Kind::accepted;
    } else if constexpr (std::is_same_v<Verdict, smtp::PassedReply>) {
      taken = verdict.is_accepted();
    }
    if (taken) staged_.clear();
    const auto role = static_cast<std::size_t>(listener_->role);
    std::uint64_t& count = figures_.accepted.at(role).at(static_cast<std::size_t>(listener_->tls));
    ++(taken ? count : figures_.refused);
  }

  smtp::PolicyWords policy() {
    return dice_.one_in(2) ? smtp::PolicyWords{} : smtp::PolicyWords{"5.7.9 Words of a judge"};
  }

  // Mostly yes.
  Judged judge(Ask what) {
    const bool yes = !dice_.one_in(6);
    switch (what) {
      case Ask::sender:
        return {policy(), yes ? smtp::SenderVerdict::accept
                              : static_cast<smtp::SenderVerdict>(dice_.below(7))};
      case Ask::recipient:
        if (listener_->end_to_end() && dice_.one_in(2)) return {{}, passed_reply(yes)};
        return {policy(), yes ? smtp::RecipientVerdict::accept
                              : static_cast<smtp::RecipientVerdict>(dice_.below(12))};
      case Ask::step:
        if (dice_.one_in(2)) return {{}, smtp::SaslChallenge{"challenge"}};
        [[fallthrough]];
      case Ask::login:
        return {{},
                yes ? smtp::LoginVerdict::accept : static_cast<smtp::LoginVerdict>(dice_.below(5))};
      case Ask::lookup:
        return {{},
                smtp::LookupVerdict{static_cast<smtp::LookupVerdict::Kind>(dice_.below(5)),
                                    {"jerry@yahoo.test"}}};
      case Ask::data: {
        // Only a hop that is asked at DATA can lack 8BITMIME.
        const std::size_t kinds = listener_->end_to_end() ? 4 : 3;
        const auto kind = yes || !dice_.one_in(2) ? 0 : dice_.below(kinds);
        return {{},
                smtp::DataVerdict{static_cast<smtp::DataVerdict::Kind>(kind), std::string(kTrace)}};
      }
      default:
        if (listener_->end_to_end() && dice_.one_in(2)) return {{}, passed_reply(yes)};
        return {{},
                smtp::CommitVerdict{yes ? smtp::CommitVerdict::Kind::accepted
                                        : static_cast<smtp::CommitVerdict::Kind>(dice_.below(10)),
                                    {},
                                    policy()}};
    }
  }

  smtp::PassedReply passed_reply(bool yes) {
    if (yes) return {250, {"2.6.0 Taken", "2.6.0 by the hop"}};
    if (dice_.one_in(2)) return {450, {"4.2.0 Later"}};
    return {554, {"5.7.0 Never", "5.7.0 ever"}};
  }

  // Nothing is under way on either side.
  void compare() {
    if (!trouble_.empty()) return;
    if (!gone_ && model_.run()) return wrong("the model asks, and it does not");
    compare_replies();
    if (closed_ != (model_.phase() == Phase::closed)) {
      return wrong(closed_ ? "closed, the model is not" : "not closed, the model is");
    }
    if (closed_) return;
    if (session_.phase() != model_.phase()) {
      return wrong(concat("phase ", static_cast<int>(session_.phase()), ", the model ",
                          static_cast<int>(model_.phase())));
    }
    if (!staged_.empty() && !model_.keeps_content())
      wrong("content is staged outside of a message");
    compare_transaction();
  }

  // What it knows is what the model knows, and what is over left nothing behind.
  void compare_transaction() {
    const smtp::Transaction& mail = session_.transaction();
    const smtp::Client& client = session_.client();
    const Model::Mail& expected = model_.mail();
    if (mail.reverse_path.to_string() != expected.sender) return wrong("another sender");
    if (mail.options.smtputf8 != expected.smtputf8 ||
        (mail.options.body == BodyType::binary_mime) != expected.binary) {
      return wrong("other options");
    }
    if (mail.recipients.size() != expected.recipients.size()) {
      return wrong(
          concat(mail.recipients.size(), " recipients, the model ", expected.recipients.size()));
    }
    for (std::size_t i = 0; i < mail.recipients.size(); ++i) {
      if (mail.recipients[i].to_string() != expected.recipients[i])
        return wrong("another recipient");
    }
    const bool idle = model_.phase() <= Phase::greeted && session_.phase() <= Phase::greeted &&
                      !session_.waiting_for_answer();
    if (idle &&
        (mail.declared_size || mail.options != MailOptions{} || !session_.first_chunk().empty())) {
      return wrong("something of a transaction is left");
    }
    const Model::Client& known = model_.client();
    if (client.login != known.login) return wrong(concat("logged in as ", client.login));
    if (client.helo != known.helo || client.esmtp != known.esmtp) return wrong("another HELO");
    if (client.tls.has_value() != known.tls) return wrong("TLS on one side only");
  }

  void compare_replies() {
    std::vector<Said>& expected = model_.said();
    std::size_t at = 0;
    std::size_t count = 0;
    while (trouble_.empty() && at < output_.size()) {
      const Said said = next_reply(at);
      if (count == expected.size())
        return gone_ ? void() : wrong(concat("says ", show(said), " unexpectedly"));
      compare(said, expected[count++]);
    }
    if (!gone_ && count < expected.size()) wrong(concat("does not say ", show(expected[count])));
    figures_.replies += count;
    output_.clear();
    expected.clear();
  }

  void compare(const Said& said, Said expected) {
    if (!listener_->enhanced_status_codes) expected.enhanced.clear();
    if (said.code != expected.code || said.enhanced != expected.enhanced) {
      return wrong(concat("says ", show(said), ", the model ", show(expected)));
    }
    if (said.offers != expected.offers) {
      return wrong(concat("EHLO offers ", said.offers, ", the model ", expected.offers));
    }
    figures_.kinds.emplace(said.code, said.enhanced);
  }

  // Of all its lines together.
  Said next_reply(std::size_t& at) {
    Said said;
    for (bool more = true; more && trouble_.empty();) {
      const std::size_t end = output_.find("\r\n", at);
      if (end == std::string::npos || end - at < 4) {
        wrong("no whole line");
        break;
      }
      const std::string_view line = std::string_view(output_).substr(at, end - at);
      at = end + 2;
      said.code = static_cast<int>(parse_number(line.substr(0, 3)).value_or(0));
      more = line[3] == '-';
      if (more && at == output_.size()) wrong("a reply without its last line");
      const std::string_view text = line.substr(4);
      const std::string_view word = text.substr(0, text.find(' '));
      const bool enhanced =
          std::ranges::count(word, '.') == 2 && word.find_first_not_of("0123456789.") == word.npos;
      if (enhanced && said.code / 100 != 3) said.enhanced = word;
      for (std::size_t i = 0; i < std::size(kOffers); ++i) {
        if (said.code == 250 && word == kOffers[i]) said.offers |= 1U << i;
      }
    }
    return said;
  }

  void finish() {
    if (!trouble_.empty()) return;
    if (!closed_) {
      happen({Step::Kind::gone, {}});
      pump();
      if (!closed_) return wrong("does not close when the client is gone");
    }
    if (!staged_.empty()) wrong("what was staged is still there at the end");
    ++figures_.sequences;
  }

  const Script& script_;
  Figures& figures_;
  Dice dice_;  // of the answers
  std::vector<Event> events_;
  std::size_t next_ = 0;
  std::shared_ptr<const smtp::SmtpListener> listener_;
  smtp::ServerSession session_;
  Model model_;
  std::string rest_;    // arrived, and not taken
  std::string output_;  // replies not compared yet
  std::vector<std::string> staged_;
  bool closed_ = false;
  bool gone_ = false;
  std::string trouble_;
};

}  // namespace

void Figures::add(const Figures& other) {
  sequences += other.sequences;
  replies += other.replies;
  upgrades += other.upgrades;
  logins += other.logins;
  staged += other.staged;
  refused += other.refused;
  for (std::size_t role = 0; role < 3; ++role) {
    for (std::size_t tls = 0; tls < 3; ++tls) accepted[role][tls] += other.accepted[role][tls];
  }
  kinds.insert(other.kinds.begin(), other.kinds.end());
}

std::string play(const Script& script, Figures& figures) { return Game(script, figures).play(); }

Script shrink(Script script) {
  Figures ignored;
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t i = script.steps.size(); i-- > 0;) {
      Script tried = script;
      tried.steps.erase(tried.steps.begin() + static_cast<std::ptrdiff_t>(i));
      if (play(tried, ignored).empty()) continue;
      script = std::move(tried);
      shorter = true;
    }
  }
  return script;
}

}  // namespace mail::model
