// An SMTP server session (RFC 5321) as a pure machine: bytes and answers in, actions out. The
// driver (service/smtpd) performs the actions; the rules live here, one file per verb.
//
// Call protocol: after construction and after each consume()/answer(), call next() until it has no
// more; perform each action in order. After an Ask..., UpgradeToTls or JudgeAndCommit the session
// takes no input until its answer() has come. After Close nothing may be called but next().
// Replies may be collected: the driver writes them out before it waits for input or closes.
// Not thread-safe; owns all it keeps; `listener` is the one it began with.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/idn.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"
#include "codec/envelope/options.h"
#include "codec/sasl/sasl.h"
#include "codec/smtp/body_memory.h"
#include "codec/smtp/chunk_lines.h"
#include "codec/smtp/command.h"
#include "codec/smtp/dot_decoder.h"
#include "codec/smtp/listener.h"
#include "codec/smtp/passed_reply.h"
#include "codec/smtp/replies.h"
#include "codec/smtp/verdicts.h"

namespace mail::smtp {

struct Peer {
  IpAddress address;
  std::uint16_t port = 0;
  bool may_relay = false;  // in [relay] networks
};

struct TlsFacts {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
};

// What the session knows of its client and of the transaction under way. Valid until the next call.
// A recipient that was taken, with what was asked for it (RFC 3461 §4.1-2).
struct TakenRecipient : Mailbox {
  Notify notify;
  std::string original;  // ORCPT, decoded; empty without

  TakenRecipient() = default;
  TakenRecipient(Mailbox mailbox) : Mailbox(std::move(mailbox)) {}  // most have no more
  Recipient to_recipient() const { return {to_string(), notify, original}; }
};
struct Transaction {
  ReversePath reverse_path;
  MailOptions options;                         // but for what the header says: tls_optional
  std::optional<std::uint64_t> declared_size;  // RFC 1870
  std::vector<TakenRecipient> recipients;      // in the order given
};
struct Client {
  Peer peer;
  std::string helo;  // as given; may be empty
  bool esmtp = false;
  std::optional<TlsFacts> tls;
  std::string login;  // address of the account; empty without login
  // The word after "with" in Received: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA (RFC 3848), and
  // UTF8SMTP and so on for mail with SMTPUTF8 (RFC 6531 §4.3).
  std::string_view protocol(bool smtputf8 = false) const;
};

struct Send {
  std::string bytes;
};
struct UpgradeToTls {};  // -> tls_established()
struct AskSender {
  ReversePath reverse_path;
};  // -> answer(SenderVerdict)
struct AskRecipient {
  Mailbox recipient;
};  // -> answer(RecipientVerdict)
struct AskLogin {
  std::string user;
  std::string password;
};  // -> answer(LoginVerdict, account)
// A step of challenge and response. Each exchange begins with `first`, whatever became of the last.
struct AskSaslStep {
  sasl::Mechanism mechanism;
  std::optional<std::string> response;  // after base64; nothing: AUTH without initial response
  bool first = true;
};  // -> answer(SaslChallenge), or as AskLogin at the end
struct AskLookup {
  std::string name;     // an address, or a local part alone; never empty; may be UTF-8
  bool expand = false;  // EXPN
};  // -> answer(LookupVerdict)
struct AskData {         // at DATA, or at the first BDAT -> answer(DataVerdict)
  std::size_t room = 0;  // octets to reserve behind the trace fields: content of the usual size
};
// A full chunk of content behind the first, kStageChunk octets; no answer. The first chunk, which
// holds the header block, stays with the session until JudgeAndCommit.
struct StageBody {
  std::string chunk;
};
// What was staged will not be committed; no answer. Also behind a commit that was refused.
struct DropBody {};
// The whole content is here: the first chunk (all of it where nothing was staged) and the last one.
struct JudgeAndCommit {  // -> answer(CommitVerdict)
  std::string content;   // trace fields + header block + (start of) body
  std::size_t trace_size = 0;
  std::string last_chunk;  // of a staged body; may be shorter than kStageChunk, not empty then
  std::uint64_t size = 0;  // of all chunks, trace fields included
};
struct Close {};
using Action = std::variant<Send, UpgradeToTls, AskSender, AskRecipient, AskLogin, AskSaslStep,
                            AskLookup, AskData, StageBody, DropBody, JudgeAndCommit, Close>;

inline constexpr std::size_t kStageChunk = std::size_t{256} << 10;

// Where a session is, for the table of dialogues and for logs.
// In `data` content is read, in `chunks` another BDAT is waited for.
enum class Phase : std::uint8_t {
  connected,
  greeted,
  mail,
  recipients,
  data,
  chunks,
  login,
  closed
};

class ServerSession {
 public:
  // Greets at once. With implicit TLS the driver makes the session after the handshake and calls
  // tls_established() before the first next().
  ServerSession(std::shared_ptr<const SmtpListener> listener, Peer peer, MonoTime now);

  // Takes bytes, cut anywhere; returns how many it took. It takes fewer than given when it waits
  // for an answer, or has much to say: hand it the rest after next() and answer(), together with
  // what has come since. Bytes before the first next() are talk before the greeting: look at the
  // socket before it (mx and submission answer 554). Empty input right after an answer() restarts
  // the idle time.
  std::size_t consume(std::span<const char> input, MonoTime now);
  std::optional<Action> next();  // to do now; nothing = read on
  // What a Send held and was sent whole, for the next replies; a large one is not kept.
  void take_back(std::string bytes);

  void answer(SenderVerdict verdict, const PolicyWords& words = {});
  void answer(RecipientVerdict verdict, const PolicyWords& words = {});
  void answer(LoginVerdict verdict, std::string account);  // `account`: its address, on accept
  void answer(const SaslChallenge& challenge);
  void set_cram_md5(bool offered) { cram_md5_ = offered; }  // somebody has a credential for it
  void answer(const LookupVerdict& verdict);
  void answer(DataVerdict verdict);
  void answer(const CommitVerdict& verdict);
  // End-to-end, to AskRecipient and JudgeAndCommit: the next hop's own words. A message it took is
  // the driver's: no DropBody follows.
  void answer(const PassedReply& reply);
  void tls_established(TlsFacts facts);
  // Whether the driver can do STARTTLS now (a certificate is loaded); 454 4.7.0 otherwise.
  void set_tls_available(bool available) { tls_available_ = available; }
  // For addresses beyond ASCII; without it they are bad syntax. Outlives the session.
  void set_idn(const Idn* idn) { idn_ = idn; }
  // What time it is now, for FUTURERELEASE and DELIVERBY; it goes on with `now` of consume().
  void set_wall_time(WallTime at) {
    wall_offset_ = at.time_since_epoch() - now_.time_since_epoch();
  }
  void set_stressed(bool stressed) { stressed_ = stressed; }  // shorter idle time

  MonoTime deadline() const;  // when to call time_out(): idle, slow command or slow body
  void time_out();            // 421 4.4.2, Close
  void shut_down();           // 421 4.3.2, Close: the server stops or sheds load
  void disconnect();          // the peer is gone: DropBody where needed, Close, no reply

  const Client& client() const;
  const Transaction& transaction() const;
  // What came of the first chunk, without the trace fields: at StageBody, all of it.
  std::string_view first_chunk() const;
  bool in_transaction() const;  // MAIL was taken, and it is not over
  Phase phase() const;
  bool waiting_for_answer() const;

 private:
  enum class Waiting : std::uint8_t {
    nothing,
    sender,
    recipient,
    login,
    lookup,
    data,
    commit,
    tls
  };

  // server_session.cc: what goes out, and the end
  void greet();
  void act(Action action) { actions_.push_back(std::move(action)); }
  void ask(Waiting what, Action question);
  bool answered(Waiting what);  // false: the answer comes too late, the session is closed
  void settle();                // behind every answer
  void send(Reply reply) { append_reply(out_, reply); }
  void refuse(Reply reply);  // an error of the client's; too many of them end it
  void pass_on(const PassedReply& reply);
  void refuse_by_policy(Reply reply, const PolicyWords& words);
  void postpone_by_policy(Reply reply, const PolicyWords& words);
  void postpone(Reply reply);          // not now, for no fault of the client; counted as junk
  void refuse_and_close(Reply reply);  // without mercy
  bool is_junk();                      // counts; true: one too many, the session is closed
  void close();
  void end_transaction();  // the one way out of a transaction (security.md 18)

  // session_lines.cc: from bytes to lines
  std::size_t take_line(std::string_view input);
  std::size_t discard(std::string_view input);
  std::size_t line_limit(std::string_view more) const;
  void forget_line();
  void on_line(std::string_view line, std::string_view behind);
  bool must_end_group(const CommandLine& command) const;
  std::optional<Reply> why_not_now(Verb verb) const;
  void on_command(const CommandLine& command, std::string_view behind);

  // one file per verb
  void on_helo(std::string_view argument, bool extended);
  void append_ehlo_reply();
  void append_parameter_keywords();
  Parameters offered() const;
  WallTime wall_now() const;
  void on_mail(std::string_view argument);
  bool take_times(MailFrom& mail) const;
  bool lower_priority();
  void on_rcpt(std::string_view argument);
  void take_recipient();
  void on_data(std::string_view argument);
  std::size_t room_for_content() const;
  std::size_t take_body(std::string_view input);
  std::string& filling() { return content_.size() < kStageChunk ? content_ : chunk_; }
  void roll_chunks();
  void on_end_of_data();
  void forget_errors();
  void ask_commit();
  void on_bdat(std::string_view argument, std::optional<Reply> refusal);
  std::optional<Reply> why_no_chunk(const BdatChunk& chunk) const;
  void begin_chunk();
  void swallow_chunk(Reply reply);
  std::size_t take_chunk(std::string_view input);
  void keep_chunk(std::string_view piece);
  void on_end_of_chunk();
  void on_chunk_swallowed();
  void on_auth(std::string_view argument);
  void begin_challenging(sasl::Mechanism mechanism, std::optional<std::string_view> encoded);
  void on_auth_response(std::string_view line);
  void on_auth_step(Result<sasl::Step> step);
  void end_login();
  bool login_possible() const;  // at all, on this listener
  bool login_now() const;       // with what is known of the connection
  bool tls_required() const;
  void on_starttls(std::string_view argument, std::string_view behind);
  void on_rset(std::string_view argument);
  void on_noop();
  bool may_look_up() const;
  void on_vrfy(std::string_view argument);
  void on_expn(std::string_view argument);
  void ask_lookup(std::string_view argument, bool expand);
  bool take_smtputf8(std::string_view& argument) const;
  void on_help();
  void on_quit(std::string_view argument);

  std::shared_ptr<const SmtpListener> listener_;
  Client client_;
  Transaction transaction_;
  Phase phase_ = Phase::connected;
  Waiting waiting_ = Waiting::nothing;
  bool greeting_due_ = true;
  bool more_input_ =
      false;  // the driver has more for us: hold replies back, answer the group at once
  bool tls_available_ = true;
  bool stressed_ = false;
  bool stopping_ = false;        // shut_down() came while waiting for an answer
  bool answered_since_ = false;  // an answer came since consume() last looked at the time
  std::uint32_t errors_ = 0;     // since the last message taken
  std::uint32_t junk_commands_ = 0;

  std::uint32_t messages_ = 0;               // in this session (RFC 9422 §4.1)
  std::unordered_set<std::size_t> domains_;  // hashes of those of recipients taken (§4.3)
  std::size_t asked_domain_ = 0;             // the one that AskRecipient is about

  std::vector<Action> actions_;  // from next_action_ on, to be done
  std::size_t next_action_ = 0;
  std::string out_;  // replies not yet handed out, bounded by kMaxReplies

  std::string line_;         // the beginning of a line whose end has not come
  bool discarding_ = false;  // in a line over its limit
  bool discarded_cr_ = false;
  std::size_t discarded_ = 0;  // in all such lines

  bool asked_list_ = false;  // EXPN, not VRFY
  bool asked_utf8_ = false;  // with SMTPUTF8: its answer may be UTF-8
  TakenRecipient asked_;     // the recipient that AskRecipient is about
  std::optional<sasl::Exchange> exchange_;
  std::optional<sasl::Mechanism> challenging_;  // an exchange whose steps are asked
  bool cram_md5_ = false;

  BodyMemory::Share body_memory_;
  DotDecoder decoder_;
  std::string content_;  // the first chunk
  std::string chunk_;    // the one that is filling, behind the first
  std::size_t trace_size_ = 0;
  std::uint64_t content_size_ = 0;  // decoded, without the trace fields
  std::uint64_t wire_size_ = 0;     // of the body as it came
  bool staged_ = false;             // a StageBody went out that nobody has committed
  bool too_large_ = false;

  // Of the BDAT chunk under way; what is left of it belongs to the connection, not to a
  // transaction.
  bool in_chunk_ = false;
  BdatChunk bdat_;                      // its size: octets still to come
  std::optional<Reply> chunk_refusal_;  // it is swallowed, and then this is said
  Phase behind_swallowed_ = Phase::greeted;
  bool refusal_counts_ = false;
  std::uint64_t swallowed_ = 0;  // since the last message taken
  ChunkLines lines_;
  std::uint32_t chunks_ = 0;   // of the transaction
  bool chunk_failed_ = false;  // and ended it: those behind it fail too, until MAIL, RSET or EHLO

  const Idn* idn_ = nullptr;
  std::chrono::nanoseconds wall_offset_{0};  // of wall time to now_

  MonoTime now_;         // of the last consume()
  MonoTime last_input_;  // for the idle time
  MonoTime began_;       // of the line or body under way, for its total time
};

}  // namespace mail::smtp
