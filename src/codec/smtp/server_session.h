// An SMTP server session (RFC 5321) as a pure machine: bytes and answers in, actions out. The
// driver (service/smtpd) performs the actions; the rules live here, one file per verb.
//
// Call protocol: after construction and after each consume()/answer(), call next() until it has no
// more; perform each action in order. After an Ask..., UpgradeToTls or JudgeAndCommit the session
// takes no input until its answer() has come. After Close nothing may be called but next().
// Replies may be collected: the driver writes them out before it waits for input or closes.
// Not thread-safe; owns all it keeps; `listener` is the one it began with.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"
#include "codec/smtp/dot_decoder.h"
#include "codec/smtp/listener.h"
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

enum class BodyType : std::uint8_t { seven_bit, eight_bit_mime };  // RFC 6152

// What the session knows of its client and of the transaction under way. Valid until the next call.
struct Transaction {
  ReversePath reverse_path;
  BodyType body = BodyType::seven_bit;
  std::optional<std::uint64_t> declared_size;  // RFC 1870
  std::vector<Mailbox> recipients;             // taken ones, in the order given
};
struct Client {
  Peer peer;
  std::string helo;  // as given; may be empty
  bool esmtp = false;
  std::optional<TlsFacts> tls;
  std::string login;  // address of the account; empty without login
  // The word after "with" in Received: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA (RFC 3848).
  std::string_view protocol() const;
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
};                  // -> answer(LoginVerdict, account)
struct AskData {};  // -> answer(DataVerdict)
// A full chunk of content behind the first, kStageChunk octets; no answer. The first chunk, which
// holds the header block, stays with the session until JudgeAndCommit.
struct StageBody {
  std::string chunk;
};
struct DropBody {};  // what was staged will not be committed; no answer
// The whole content is here: the first chunk (all of it where nothing was staged) and the last one.
struct JudgeAndCommit {  // -> answer(CommitVerdict)
  std::string content;   // trace fields + header block + (start of) body
  std::size_t trace_size = 0;
  std::string last_chunk;  // of a staged body; may be shorter than kStageChunk, not empty then
  std::uint64_t size = 0;  // of all chunks, trace fields included
};
struct Close {};
using Action = std::variant<Send, UpgradeToTls, AskSender, AskRecipient, AskLogin, AskData,
                            StageBody, DropBody, JudgeAndCommit, Close>;

inline constexpr std::size_t kStageChunk = std::size_t{256} << 10;

// Where a session is, for the table of dialogues and for logs.
enum class Phase : std::uint8_t { connected, greeted, mail, recipients, data, login, closed };

class ServerSession {
 public:
  // Greets at once. With implicit TLS the driver makes the session after the handshake and calls
  // tls_established() before the first next().
  ServerSession(std::shared_ptr<const SmtpListener> listener, Peer peer, MonoTime now);

  // Takes bytes, cut anywhere; returns how many it took. It takes fewer than given when it waits
  // for an answer: hand it the rest afterwards.
  std::size_t consume(std::span<const char> input, MonoTime now);
  std::optional<Action> next();  // to do now; nothing = read on

  void answer(SenderVerdict verdict);
  void answer(RecipientVerdict verdict);
  void answer(LoginVerdict verdict, std::string account);  // `account`: its address, on accept
  void answer(DataVerdict verdict);
  void answer(const CommitVerdict& verdict);
  void tls_established(TlsFacts facts);
  // Whether the driver can do STARTTLS now (a certificate is loaded); 454 4.7.0 otherwise.
  void set_tls_available(bool available) { tls_available_ = available; }
  void set_stressed(bool stressed) { stressed_ = stressed; }  // shorter idle time

  MonoTime deadline() const;  // when to call time_out(): idle, slow command or slow body
  void time_out();            // 421 4.4.2, Close
  void shut_down();           // 421 4.3.2, Close: the server stops or sheds load

  const Client& client() const;
  const Transaction& transaction() const;
  Phase phase() const;
  bool waiting_for_answer() const;

 private:
  // Implementation detail: owned by the files of this folder.
};

}  // namespace mail::smtp
