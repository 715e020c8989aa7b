// An SMTP or LMTP client session (RFC 5321, RFC 2033) as a pure machine: bytes and answers in,
// actions out. The driver connects, writes, does TLS and reads content; the rules live here.
//
// Call protocol: after construction and after every other call, call next() until it has no more;
// perform each action in order. Then wait for input until deadline(): consume(), or time_out(), or
// disconnect() when the connection is gone; a driver whose write failed hands over what can still
// be read before that, for it may say why. After Close nothing may be called.
// Whatever the server does: each deliver() or begin() gets exactly one Settled, a session that can
// not carry mail any more says Failed unless a Settled has just said why, and Close comes last. Not
// thread-safe; owns all it keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "codec/envelope/options.h"
#include "codec/sasl/client.h"
#include "codec/smtp/client_parameters.h"
#include "codec/smtp/client_settings.h"
#include "codec/smtp/client_verdict.h"
#include "codec/smtp/dot_encoder.h"
#include "codec/smtp/extensions.h"
#include "codec/smtp/reply_parser.h"

namespace mail::smtp {

// Actions; in a namespace of their own because the server's have the same names.
namespace client {
struct Send {
  std::string bytes;
  bool secret = false;  // holds a password: not for logs; wipe() it when written
};
struct StartTls {};                     // -> tls_established() or tls_failed()
struct AskLogin {                       // -> login()
  std::vector<std::string> mechanisms;  // offered, in upper case
};
struct Ready {};  // -> deliver(), begin() or quit(), now or later; what comes goes to consume()
struct RecipientAnswered {  // after begin(): once for each add_recipient(), in order, or Settled
  std::size_t index = 0;
  Verdict verdict;  // accepted: by RCPT, which is not yet delivered
};
struct AskBody {};                  // -> body() or abandon_body()
struct Settled {                    // of the last deliver() or begin()
  std::vector<Verdict> recipients;  // in the order given
  bool maybe_delivered = false;     // the whole content was sent and no answer came
};
struct Failed {  // no mail can be sent on this connection; no message is at fault
  Verdict verdict;
  bool retry_in_clear = false;  // opportunistic TLS failed: HopTls::none on a new connection may do
};
struct Close {};
using Action = std::variant<Send, StartTls, AskLogin, Ready, RecipientAnswered, AskBody, Settled,
                            Failed, Close>;
}  // namespace client

class ClientSession {
 public:
  ClientSession(std::shared_ptr<const ClientSettings> settings, MonoTime now);

  std::optional<client::Action> next();                     // to do now; nothing = wait for input
  void consume(std::span<const char> input, MonoTime now);  // cut anywhere; takes all of it

  // `verified`: the certificate is that of the name we wanted.
  void tls_established(bool verified, MonoTime now);
  void tls_failed(std::string_view detail);
  // Null: there is no way to log in with what is offered, or none now; `why` then.
  void login(std::unique_ptr<sasl::ClientMechanism> mechanism, std::string_view why, MonoTime now);
  void deliver(OutgoingMail mail, MonoTime now);

  // deliver() in steps, for those who pass the hop's answers on: begin(), with or without
  // recipients; add_recipient() as they come; then begin_body() or leave().
  void begin(OutgoingMail mail, MonoTime now);
  void add_recipient(mail::Recipient recipient, MonoTime now);
  void begin_body(MonoTime now);
  void leave(MonoTime now);  // nobody gets it; RSET is said before the next

  // The next piece of content, cut anywhere. Its size is the driver's choice.
  void body(std::string_view content, bool last, MonoTime now);
  void abandon_body();  // can not be read: the final dot is never sent, the connection ends
  void quit(MonoTime now);

  MonoTime deadline() const;  // max() while ready, and while a transaction waits for the driver
  void time_out();
  void disconnect();

  Stage stage() const;
  bool encrypted() const { return trust_.encrypted; }
  const Extensions& extensions() const { return extensions_; }

 private:
  struct Expected {
    Stage stage;
    std::size_t target = 0;
  };
  struct Target {  // a recipient
    enum class State : std::uint8_t { open, taken, settled };
    State state = State::open;
    Verdict verdict;
  };

  // client_session.cc: what goes out, what comes in, and the end
  void act(client::Action action) { actions_.push_back(std::move(action)); }
  void command(std::string line, Stage stage, bool secret = false);
  void wait_for(Stage stage, Milliseconds time);
  void expect(Stage stage, std::size_t target = 0);
  bool in_flight() const { return next_expected_ < expected_.size(); }
  void restart_deadline();
  void on_reply(const ServerReply& reply);
  void dispatch(const Expected& expected, const ServerReply& reply);
  void on_unexpected(const ServerReply& reply);
  void on_no_reply();
  void lose(Verdict verdict, bool retry_in_clear = false);  // the connection is of no more use
  void give_up(Verdict verdict);                            // in order: QUIT is said
  void close();
  static Verdict judge(Stage stage, const ServerReply& reply);
  Verdict our_verdict(Verdict::Kind kind, Verdict::Cause cause, std::string_view enhanced,
                      std::string_view text) const;

  // client_session_setup.cc: up to ready
  void on_greeting(const ServerReply& reply);
  void say_hello();
  void on_hello(const ServerReply& reply);
  void after_hello();
  void on_starttls(const ServerReply& reply);
  void refuse_clear(std::string_view why);
  void go_on();
  void become_ready();

  // client_session_login.cc
  void ask_login();
  void on_login(const ServerReply& reply);
  void refuse_login(std::string_view why);
  void cancel_login(std::string_view why);

  // client_session_mail.cc: one transaction up to DATA or BDAT
  void start(OutgoingMail mail, bool sealed, MonoTime now);
  void check_recipient(std::size_t index);
  void advance();
  void send_group();
  bool append_next(std::string& out);
  bool append_content_command(std::string& out);
  void append_mail(std::string& out);
  void append_recipient(std::string& out);
  std::size_t next_open(std::size_t from) const;
  bool needs_utf8() const;
  void on_reset(const ServerReply& reply);
  void on_mail(const ServerReply& reply);
  void on_recipient(std::size_t index, const ServerReply& reply);
  void refuse_all(Verdict verdict);
  void settle_target(std::size_t index, Verdict verdict);
  bool any(Target::State state) const;
  void settle_rest(Target::State state, const Verdict& verdict);
  void settle(bool maybe_delivered);
  void finish();

  // client_session_content.cc: content and its answers
  void ask_body();
  void on_data(const ServerReply& reply);
  void on_chunk(const ServerReply& reply);
  void on_end(std::size_t target, const ServerReply& reply);
  void send_data(std::string_view content, bool last);
  void send_chunk(std::string_view content, bool last);
  void expect_end();

  std::shared_ptr<const ClientSettings> settings_;
  Stage stage_ = Stage::greeting;  // while nothing is in flight
  MonoTime now_;                   // of the last call that brought it
  MonoTime deadline_;
  HopTrust trust_;
  bool esmtp_ = true;  // false: HELO was the fallback
  Extensions extensions_;
  std::unique_ptr<sasl::ClientMechanism> mechanism_;
  std::string login_given_up_;  // why; its end is waited for
  int login_steps_ = 0;

  std::vector<client::Action> actions_;  // from next_action_ on, to be done
  std::size_t next_action_ = 0;
  std::vector<Expected> expected_;  // from next_expected_ on, replies that are due
  std::size_t next_expected_ = 0;
  ReplyParser parser_;

  bool in_transaction_ = false;
  bool sealed_ = false;     // all recipients are known
  bool stepwise_ = false;   // begin() was called: answers to RCPT are told
  bool reset_due_ = false;  // a transaction was left without its end
  enum class Todo : std::uint8_t { reset, mail, recipient, content, nothing };
  Todo todo_ = Todo::nothing;  // the command to be written next
  std::size_t next_target_ = 0;
  OutgoingMail mail_;
  std::vector<Target> targets_;
  std::optional<Verdict> refused_;  // why the whole mail can not go

  bool chunked_ = false;   // BDAT carries this content
  bool body_due_ = false;  // the driver was asked for it
  bool content_ended_ = false;
  std::size_t chunks_out_ = 0;  // BDAT without an answer
  std::string held_;            // commands that go together with the first chunk
  DotEncoder encoder_;
};

}  // namespace mail::smtp
