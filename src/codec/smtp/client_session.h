// An SMTP or LMTP client session (RFC 5321, RFC 2033) as a pure machine: bytes and answers in,
// actions out. The driver connects, writes, does TLS and reads content; the rules live here.
//
// Call protocol: after construction and after every other call, call next() until it has no more;
// perform each action in order. Then wait for input until deadline(): consume(), or time_out(), or
// disconnect() when the connection is gone; a driver whose write failed hands over what can still
// be read before that, for it may say why. After Close nothing may be called.
// Whatever the server does: each deliver() gets exactly one Settled, a session that can not carry
// mail any more says Failed unless a Settled has just said why, and Close comes last.
// Not thread-safe; owns all it keeps.
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
#include "codec/smtp/client_settings.h"
#include "codec/smtp/client_verdict.h"
#include "codec/smtp/command.h"
#include "codec/smtp/dot_encoder.h"
#include "codec/smtp/extensions.h"
#include "codec/smtp/reply_parser.h"

namespace mail::smtp {

// One message for recipients that share this hop.
struct OutgoingMail {
  std::string reverse_path;             // without angle brackets; "": the null path
  std::vector<std::string> recipients;  // likewise
  std::uint64_t size = 0;               // of the content with CRLF line ends; 0: not known
  BodyType body = BodyType::seven_bit;  // as declared to us, never guessed (security.md 26)
};

// Actions; in a namespace of their own because the server's have the same names.
namespace client {
struct Send {
  std::string bytes;
  bool secret = false;  // holds a password: not for logs; wipe() it when written
};
struct StartTls {};  // -> tls_established() or tls_failed()
struct Ready {};     // -> deliver() or quit(), now or later; what comes meanwhile goes to consume()
struct AskBody {};   // -> body() or abandon_body()
struct Settled {     // of the last deliver()
  std::vector<Verdict> recipients;  // in the order given
};
struct Failed {  // no mail can be sent on this connection; no message is at fault
  Verdict verdict;
  bool retry_in_clear = false;  // opportunistic TLS failed: HopTls::none on a new connection may do
};
struct Close {};
using Action = std::variant<Send, StartTls, Ready, AskBody, Settled, Failed, Close>;
}  // namespace client

class ClientSession {
 public:
  ClientSession(std::shared_ptr<const ClientSettings> settings, MonoTime now);

  std::optional<client::Action> next();                     // to do now; nothing = wait for input
  void consume(std::span<const char> input, MonoTime now);  // cut anywhere; takes all of it

  void tls_established(MonoTime now);
  void tls_failed(std::string_view detail);
  void deliver(OutgoingMail mail, MonoTime now);
  // The next piece of content, cut anywhere. Its size is the driver's choice.
  void body(std::string_view content, bool last, MonoTime now);
  void abandon_body();  // can not be read: the final dot is never sent, the connection ends
  void quit(MonoTime now);

  MonoTime deadline() const;  // max() while ready
  void time_out();
  void disconnect();

  Stage stage() const;
  bool encrypted() const { return encrypted_; }
  const Extensions& extensions() const { return extensions_; }

 private:
  struct Expected {
    Stage stage;
    std::size_t recipient = 0;
  };
  struct Recipient {
    enum class State : std::uint8_t { open, taken, settled };
    State state = State::open;
    Verdict verdict;
  };

  // client_session.cc: what goes out, what comes in, and the end
  void act(client::Action action) { actions_.push_back(std::move(action)); }
  void command(std::string line, Stage stage, bool secret = false);
  void wait_for(Stage stage, Milliseconds time);
  void expect(Stage stage, std::size_t recipient = 0);
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
  void log_in(const HopLogin& login);
  void on_login(const ServerReply& reply);
  void become_ready();

  // client_session_mail.cc: one transaction
  void check_fitness();
  void send_group();
  bool append_next(std::string& out);
  void append_mail(std::string& out);
  void append_recipient(std::string& out);
  std::size_t next_open(std::size_t from) const;
  void on_reset(const ServerReply& reply);
  void on_mail(const ServerReply& reply);
  void on_recipient(std::size_t index, const ServerReply& reply);
  void on_data(const ServerReply& reply);
  void on_final_dot(std::size_t index, const ServerReply& reply);
  void advance();
  bool any(Recipient::State state) const;
  void settle_rest(Recipient::State state, const Verdict& verdict);
  void settle();
  void finish();

  std::shared_ptr<const ClientSettings> settings_;
  Stage stage_ = Stage::greeting;  // while nothing is in flight
  MonoTime now_;                   // of the last call that brought it
  MonoTime deadline_;
  bool encrypted_ = false;
  bool esmtp_ = true;  // false: HELO was the fallback
  Extensions extensions_;
  int login_step_ = 0;  // of LOGIN; 0 with PLAIN

  std::vector<client::Action> actions_;  // from next_action_ on, to be done
  std::size_t next_action_ = 0;
  std::vector<Expected> expected_;  // from next_expected_ on, replies that are due
  std::size_t next_expected_ = 0;
  ReplyParser parser_;

  bool in_transaction_ = false;
  bool reset_due_ = false;    // a transaction was left without its final dot
  Stage todo_ = Stage::mail;  // the command to be written next; final_dot: none
  std::size_t next_recipient_ = 0;
  OutgoingMail mail_;
  std::vector<Recipient> recipients_;
  DotEncoder encoder_;
};

}  // namespace mail::smtp
