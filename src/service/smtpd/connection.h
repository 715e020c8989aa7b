// One connection of a client: drives a pure ServerSession over a stream (style.md §4). All waiting
// of a session happens here. Lives on one I/O thread, inside the frame of the task that serves it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/smtp/server_session.h"
#include "platform/net/io_thread.h"
#include "platform/net/stream.h"
#include "service/end_to_end/hop_conversation.h"
#include "service/smtpd/pauses.h"
#include "service/smtpd/recipient.h"
#include "service/smtpd/smtpd.h"

namespace mail {

class ChallengeLogin;

class Connection {
 public:
  // `by_proxy`: the peer is a balancer, which says first whose connection it is. Otherwise it was
  // admitted already.
  Connection(net::IoThread& thread, net::Stream stream,
             std::shared_ptr<const ServedListener> settings, smtp::Peer peer, bool by_proxy,
             Services& services, ClientTable& clients, Pauses& pauses);
  ~Connection();  // makes room for another

  Task<void> run();  // to the end of the session

  // From the same thread, while run() waits.
  void shut_down();  // 421 4.3.2, after what is being answered
  void cut();

  Connection* next = nullptr;  // in the list of its Site
  Connection* previous = nullptr;

 private:
  MonoTime now() const { return services_.clock.mono_now(); }
  bool ends_elsewhere() const { return settings_->listener->end_to_end(); }

  // proxied.cc
  Task<bool> learn_client();
  bool admit_client();

  Task<bool> greet();
  Task<Result<void>> start_tls();
  void take_input();
  void keep_input();
  void forget_input();
  void read_now();
  Task<void> hang_up();
  void on_wait_failed(const Error& error);
  void lose(const Error& error);

  // Performs what needs no waiting; false: perform() has to.
  bool perform_now(smtp::Action& action);
  Task<void> perform(smtp::Action action);
  bool send_now(std::string& bytes);
  Task<void> send(std::string bytes);

  // questions.cc
  smtp::SenderVerdict decide_sender(const ReversePath& path);
  bool client_may_send_more();
  bool account_may_send_more();
  // Duty addresses are not (RFC 5321 §4.5.1).
  bool is_heard(const RecipientDecision& decision) const {
    return trial_ != nullptr && trial_->hears_envelope() && !decision.always_taken;
  }
  bool answer_recipient_now(const Mailbox& recipient);
  Task<void> answer_recipient(Mailbox recipient);
  Task<void> check_login(smtp::AskLogin login);
  Task<void> step_login(smtp::AskSaslStep step);
  void answer_login(Authenticator::Answer answer);
  smtp::DataVerdict begin_message(std::size_t room);
  Task<void> stage(std::string chunk);
  Task<void> drop_staged();
  Task<void> commit(smtp::JudgeAndCommit input);

  // rates.cc
  enum class Pace : std::uint8_t { quick, slow, refuse };
  bool is_rated() const;
  Pace pace(const std::string& key, std::uint32_t per_minute);
  bool sender_may_send_more(const ReversePath& path);
  void rate_recipient(const Mailbox& recipient, RecipientDecision& decision);

  // hearing.cc: what the judges are told and asked
  void open_trial();
  void begin_trial_of_message();
  Task<void> ask_judges(ReversePath path);
  Task<void> ask_judges(Mailbox recipient);
  Task<bool> recipient_refused(const Mailbox& recipient);
  void answer_refusal(const Verdict& verdict, std::string_view whom);
  Task<void> let_hear(std::string_view first_chunk);
  Task<void> let_hear_rest(const smtp::JudgeAndCommit& input);
  void end_trial_of_message();

  // through.cc: mode = "end-to-end"
  Task<void> ask_hop(Mailbox recipient);
  Task<void> send_through(smtp::JudgeAndCommit input);
  Task<void> record_relayed(Draft draft, std::vector<record::Fact> facts);
  void look_for_client();

  net::IoThread& thread_;
  net::Stream stream_;
  std::shared_ptr<const ServedListener> settings_;
  smtp::Peer peer_;
  ClientKeys keys_;
  bool by_proxy_;
  bool admitted_;
  Services& services_;
  ClientTable& clients_;
  Pauses& pauses_;
  smtp::ServerSession session_;  // begun anew after the handshake, where TLS is implicit

  RecipientDecision decision_;  // about the recipient that is asked about

  std::unique_ptr<Trial> trial_;  // null where no judge has a say
  bool on_trial_ = false;         // a transaction, from MAIL on
  bool heard_ = false;            // its first chunk

  std::string_view input_;  // read, not yet taken; in the thread's buffer or in rest_
  std::string rest_;        // owns input_ across a wait
  bool drained_ = false;    // the last read took all there was
  bool waited_ = false;     // time has passed since the session last looked at it
  bool stopping_ = false;
  bool lost_ = false;  // the peer is gone: nothing more can be said
  bool closed_ = false;
  bool said_goodbye_ = false;  // the last reply was that to QUIT

  std::unique_ptr<ChallengeLogin> login_;  // the exchange of challenge and response under way
  MessageId id_;                           // of the message under way
  std::uint32_t staged_chunks_ = 0;
  std::optional<Errc> stage_failed_;

  std::unique_ptr<HopConversation> hop_;  // end-to-end, from the first RCPT on
  bool relay_unsaid_ = false;  // the hop took the message under way; its client has not heard so
};

}  // namespace mail
