// Tests only: the small world that answers a ServerSession (tests/dialogs/README.md, "The world"),
// and a driver without sockets that performs its actions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "codec/smtp/sasl_world.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

// Stands for platform/idn, which codec does not know: it knows the names of the world.
inline constexpr Idn kWorldIdn{
    [](std::string_view domain) -> Result<std::string> {
      if (domain == "b\u00FCcher.test" || domain == "B\u00DCCHER.test") return "xn--bcher-kva.test";
      if (iequals(domain, "h\u00F6ld.test")) return "xn--hld-sna.test";
      return fail(Errc::bad_syntax, "not a domain");
    },
    [](std::string_view local) -> Result<std::string> { return to_lower(local); }};

// When every session of the world begins: Sat, 21 Nov 2026 22:15:48.
inline constexpr WallTime kWorldTime{Milliseconds(1'795'299'348'000)};

class World {
 public:
  static bool is_local(std::string_view domain) {
    return domain == "yahoo.test" || domain == "gmail.test" || domain == "xn--bcher-kva.test";
  }

  SenderVerdict sender(const Client& client, const ReversePath& path) const {
    if (path.to_string() == "fast@example.org") return SenderVerdict::too_fast;
    if (client.login.empty()) return SenderVerdict::accept;
    return path.mailbox && path.mailbox->key() == client.login ? SenderVerdict::accept
                                                               : SenderVerdict::not_owned;
  }

  RecipientVerdict recipient(const SmtpListener& listener, const Client& client,
                             const Mailbox& mailbox) const {
    const std::string key = mailbox.key();
    const std::string_view local = std::string_view(key).substr(0, key.rfind('@'));
    const bool duty = local == "postmaster" || local == "abuse" || local == "root";
    const std::string& domain = mailbox.domain.text();
    if (duty && (domain.empty() || is_local(domain))) return RecipientVerdict::accept;
    if (is_local(domain)) {
      if (key == "full@yahoo.test") return RecipientVerdict::mailbox_full;
      if (key == "flooded@yahoo.test") return RecipientVerdict::flooded;
      if (key == "harvested@yahoo.test") return RecipientVerdict::harvesting;
      const bool known = key == "jerry@yahoo.test" || key == "team@yahoo.test" ||
                         key == "tom@gmail.test" || key.starts_with("jerry+") ||
                         key == "j\u00FCrgen@xn--bcher-kva.test";
      if (known) return RecipientVerdict::accept;
      // a form that hides another hop (security.md §3): % ! or a quoted @
      return local.find_first_of("%!@\"") != std::string_view::npos
                 ? RecipientVerdict::relay_denied
                 : RecipientVerdict::unknown_user;
    }
    const bool trusted =
        !client.login.empty() || (listener.role == Role::relay && client.peer.may_relay);
    if (key == "capped@hold.test" && trusted) return RecipientVerdict::too_many;
    return trusted ? RecipientVerdict::accept : RecipientVerdict::relay_denied;
  }

  // End-to-end: what the hop of hop.test says, by the local part. Everybody else is elsewhere.
  std::variant<RecipientVerdict, PassedReply> hop_to_recipient(const Mailbox& mailbox) const {
    const std::string key = mailbox.key();
    if (!key.ends_with("@hop.test")) return RecipientVerdict::elsewhere;
    if (key.starts_with("gone@")) return RecipientVerdict::hop_unreachable;
    if (key.starts_with("heavy@")) return RecipientVerdict::too_large;
    if (key.starts_with("nobody@")) {
      return PassedReply{550, {"5.1.1 The hop knows", "5.1.1 nobody"}};
    }
    return PassedReply{250, {"2.1.5 The hop takes it"}};
  }
  DataVerdict hop_to_data(const Transaction& transaction) const {
    const bool refused = transaction.options.body == BodyType::eight_bit_mime &&
                         transaction.recipients.front().local_part == "seven";
    if (refused) return {DataVerdict::Kind::no_eight_bit, {}};
    return {DataVerdict::Kind::accept, "Received: from test\r\n"};
  }
  std::variant<CommitVerdict, PassedReply> hop_to_message(const Transaction& transaction) const {
    const std::string& first = transaction.recipients.front().local_part;
    if (first == "silent") return CommitVerdict{CommitVerdict::Kind::hop_silent, {}};
    if (first == "lost") return CommitVerdict{CommitVerdict::Kind::hop_unreachable, {}};
    if (first == "strict") return PassedReply{554, {"5.7.1 The hop refuses"}};
    return PassedReply{250, {"2.0.0 The hop has it"}};
  }

  LookupVerdict look_up(const AskLookup& ask) const {
    using Kind = LookupVerdict::Kind;
    const std::string name = to_lower(ask.name);
    if (name == "team" || name == "team@yahoo.test") {
      return {Kind::found, {ask.expand ? "jerry@yahoo.test" : "team@yahoo.test"}};
    }
    if (name == "postmaster" && !ask.expand) {
      return {Kind::ambiguous, {"postmaster@gmail.test", "postmaster@yahoo.test"}};
    }
    const std::string address = name.contains('@') ? name : concat(name, "@yahoo.test");
    if (address == "j\u00FCrgen@b\u00FCcher.test" && !ask.expand) {
      return {Kind::found, {"j\u00FCrgen@xn--bcher-kva.test"}};
    }
    if (address == "jerry@yahoo.test" || address == "tom@gmail.test") {
      if (ask.expand) return {Kind::no_list, {}};
      return {Kind::found, {address}};
    }
    const bool local = is_local(std::string_view(address).substr(address.rfind('@') + 1));
    return {local ? Kind::unknown : Kind::elsewhere, {}};
  }

  LoginVerdict login(std::string_view user, std::string_view password) const {
    if (user == "busy@yahoo.test") return LoginVerdict::busy;
    if (user == "throttled@yahoo.test") return LoginVerdict::throttled;
    const bool right = (user == "jerry@yahoo.test" && password == "jerry-secret") ||
                       (user == "tom@gmail.test" && password == "tom-secret");
    return right ? LoginVerdict::accept : LoginVerdict::wrong;
  }

  CommitVerdict commit(const SmtpListener& listener, const JudgeAndCommit& judge) {
    const std::string_view content(judge.content);
    const std::string_view header =
        content.substr(judge.trace_size, content.find("\r\n\r\n", judge.trace_size));
    std::size_t from = istarts_with(header, "From:") ? 1 : 0;
    for (std::size_t at = header.find("\nFrom:"); at != std::string_view::npos;
         at = header.find("\nFrom:", at + 1)) {
      ++from;
    }
    using Kind = CommitVerdict::Kind;
    if (listener.role == Role::mx && from > 1) return {Kind::several_from, {}};
    if (listener.role == Role::submission && from != 1) return {Kind::bad_from, {}};
    return {Kind::accepted, MessageId::make(1'700'000'000'000, 1, ++commits_)};
  }

 private:
  std::uint32_t commits_ = 0;
};

// One connection: what a driver does, and what it must be able to rely on, asserted.
class Wire {
 public:
  Wire(std::shared_ptr<const SmtpListener> listener, Peer peer, World& world)
      : listener_(std::move(listener)), world_(world), session_(listener_, std::move(peer), now_) {
    session_.set_idn(&kWorldIdn);
    session_.set_wall_time(kWorldTime);
  }

  ServerSession& session() { return session_; }
  bool closed() const { return closed_; }
  bool wants_tls() const { return wants_tls_; }
  bool has_staged() const { return staged_; }
  std::string& output() { return output_; }
  const std::string& last_message() const { return last_message_; }
  void advance(std::chrono::seconds by) {
    now_ += by;
    if (!closed_ && now_ >= session_.deadline()) session_.time_out();
  }

  // Bytes arrive together. `greeted`: the greeting has been asked for before.
  void arrive(std::string_view bytes) {
    if (closed_) return;
    rest_.append(bytes);
    rest_.erase(0, session_.consume(rest_, now_));
    pump();
  }

  void pump() {
    for (;;) {
      while (std::optional<Action> action = session_.next()) perform(std::move(*action));
      if (closed_ || wants_tls_ || rest_.empty()) return;
      const std::size_t taken = session_.consume(rest_, now_);
      rest_.erase(0, taken);
    }
  }

  void handshake() {
    wants_tls_ = false;
    session_.tls_established({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
  }

 private:
  void perform(Action action) {
    MAIL_ASSERT(!closed_);
    if (auto* send = std::get_if<Send>(&action)) {
      MAIL_ASSERT(!send->bytes.empty() && send->bytes.ends_with("\r\n"));
      output_ += send->bytes;
    } else if (auto* stage = std::get_if<StageBody>(&action)) {
      MAIL_ASSERT(stage->chunk.size() == kStageChunk);
      staged_ = true;
      message_.push_back(std::move(stage->chunk));
    } else if (std::holds_alternative<DropBody>(action)) {
      MAIL_ASSERT(staged_);
      staged_ = false;
      message_.clear();
    } else if (std::holds_alternative<UpgradeToTls>(action)) {
      wants_tls_ = true;
    } else if (std::holds_alternative<Close>(action)) {
      closed_ = true;
    } else {
      reply_to(action);
    }
  }

  void reply_to(const Action& action) {
    MAIL_ASSERT(session_.waiting_for_answer());
    if (const auto* sender = std::get_if<AskSender>(&action)) {
      session_.answer(world_.sender(session_.client(), sender->reverse_path));
    } else if (const auto* recipient = std::get_if<AskRecipient>(&action)) {
      const auto verdict = world_.recipient(*listener_, session_.client(), recipient->recipient);
      if (verdict == RecipientVerdict::accept && listener_->end_to_end()) {
        std::visit([this](const auto& said) { session_.answer(said); },
                   world_.hop_to_recipient(recipient->recipient));
      } else {
        session_.answer(verdict);
      }
    } else if (const auto* login = std::get_if<AskLogin>(&action)) {
      session_.answer(world_.login(login->user, login->password), to_lower(login->user));
    } else if (const auto* step = std::get_if<AskSaslStep>(&action)) {
      const auto next = sasl_.step(*step);
      if (const auto* challenge = std::get_if<SaslChallenge>(&next)) {
        session_.answer(*challenge);
      } else {
        session_.answer(std::get<LoginVerdict>(next), "jerry@yahoo.test");
      }
    } else if (const auto* lookup = std::get_if<AskLookup>(&action)) {
      MAIL_ASSERT(!lookup->name.empty());
      session_.answer(world_.look_up(*lookup));
    } else if (std::holds_alternative<AskData>(action)) {
      session_.answer(world_.hop_to_data(session_.transaction()));
    } else {
      const auto& judge = std::get<JudgeAndCommit>(action);
      MAIL_ASSERT(!session_.transaction().recipients.empty());
      MAIL_ASSERT(!staged_ || !judge.last_chunk.empty());
      last_message_ = judge.content;
      for (const std::string& chunk : message_) last_message_ += chunk;
      last_message_ += judge.last_chunk;
      MAIL_ASSERT(judge.size == last_message_.size());
      CommitVerdict verdict = world_.commit(*listener_, judge);
      if (verdict.kind == CommitVerdict::Kind::accepted && listener_->end_to_end()) {
        const auto said = world_.hop_to_message(session_.transaction());
        if (const auto* reply = std::get_if<PassedReply>(&said)) {
          if (reply->is_accepted()) {
            staged_ = false;
            message_.clear();
          }
          return session_.answer(*reply);
        }
        verdict = std::get<CommitVerdict>(said);
      }
      if (verdict.kind == CommitVerdict::Kind::accepted) {
        staged_ = false;
        message_.clear();
      }
      session_.answer(verdict);
    }
  }

  MonoTime now_{};
  std::shared_ptr<const SmtpListener> listener_;
  World& world_;
  SaslWorld sasl_;
  ServerSession session_;
  std::string rest_;
  std::string output_;
  std::vector<std::string> message_;
  std::string last_message_;
  bool staged_ = false;
  bool wants_tls_ = false;
  bool closed_ = false;
};

}  // namespace mail::smtp
