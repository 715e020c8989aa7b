// One connection to a next hop: the driver of a client session (codec/smtp), which has the rules.
// Lives on one I/O thread and is used by one task; interrupt() and cut() by others on that thread.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "codec/smtp/client_session.h"
#include "platform/net/io_thread.h"
#include "platform/net/stream.h"
#include "platform/tls/context.h"
#include "service/outbound/access_tokens.h"
#include "service/outbound/body_source.h"
#include "service/outbound/courier.h"
#include "service/store/mail_store.h"

namespace mail {

// What connections need of the world; outlives them.
struct HopServices {
  net::IoThread& thread;
  MailStore& store;
  const Clock& clock;
  AccessTokens& tokens;
  const tls::ClientContext& examining;  // TLS that looks at the certificate and goes on
  const tls::ClientContext& verifying;  // tls = "verify"
};

class HopConnection {
 public:
  struct Sent {
    std::vector<smtp::Verdict> recipients;
    bool maybe_delivered = false;
    WallTime began;
    Milliseconds took{0};
  };

  HopConnection(const HopServices& services, std::shared_ptr<const Route> route,
                std::shared_ptr<const smtp::ClientSettings> settings, net::Stream stream,
                ConnectionFacts facts, bool secure_name);
  HopConnection(const HopConnection&) = delete;
  HopConnection& operator=(const HopConnection&) = delete;

  // Greeting, TLS, login. Nothing, and ready(); or why no mail can go.
  Task<std::optional<smtp::client::Failed>> begin();
  // When ready: one message to the recipients of all `parcels`, in one transaction, or in as many
  // as the hop's RCPTMAX asks for. One verdict for each recipient, in order.
  Task<Sent> send(std::span<const Parcel> parcels);
  bool used_up() const;  // the hop takes no further mail on it (RFC 9422, MAILMAX)
  // How many of the first of them the hop would take on this connection (RFC 9422); 0: another
  // connection is wanted. Never 0 on a new one.
  std::size_t would_take(std::span<const Parcel> parcels) const;

  // The same in steps, when ready: MAIL is said; each recipient's answer comes back at once, an
  // acceptance being RCPT's; then the content of `parcel`, whose recipients are those given, goes,
  // or leave().
  void begin_mail(std::string reverse_path, MailOptions options, std::uint64_t size);
  Task<smtp::Verdict> add_recipient(Recipient recipient);
  Task<Sent> send_content(const Parcel& parcel);
  Task<void> leave();

  // Until the server ends the connection, interrupt() or `until`.
  Task<void> idle(MonoTime until);
  Task<void> quit();

  bool ready() const { return ready_; }
  std::size_t sent() const { return sent_; }
  const Route& route() const { return *route_; }
  const ConnectionFacts& facts() const { return facts_; }
  const smtp::Extensions& extensions() const { return session_.extensions(); }

  // Why mail with REQUIRETLS may not go here (RFC 8689 §4.2.1).
  std::optional<smtp::Verdict> unfit_for_secrecy() const;

  void interrupt() { stream_.interrupt(); }  // ends idle()
  void cut() { stream_.close(); }            // ends everything

 private:
  MonoTime now() const { return services_.thread.clock().mono_now(); }
  Task<void> run();  // until ready, closed, or a recipient was answered
  Task<Sent> transact(const Parcel& parcel, std::vector<Recipient> recipients);
  Task<Sent> finish(Sent sent, BodySource& source, MonoTime began);
  static Sent unreadable(const Parcel& parcel, std::size_t recipients, const Error& error,
                         Sent sent);
  bool perform_now(smtp::client::Action& action);
  Task<void> perform(smtp::client::Action action);
  Task<void> write(smtp::client::Send send, std::size_t written);
  Task<void> secure();
  Task<void> log_in(std::vector<std::string> mechanisms);
  Task<void> fetch_body();
  void give_body();
  Task<void> listen(MonoTime deadline);
  void hear();
  void end(const Error& error);

  const HopServices& services_;
  std::shared_ptr<const Route> route_;
  net::Stream stream_;
  ConnectionFacts facts_;
  const bool secure_name_;  // it came by DNSSEC
  smtp::ClientSession session_;

  bool ready_ = false;
  bool closed_ = false;
  bool interrupted_ = false;
  std::size_t sent_ = 0;           // transactions
  std::set<std::string> domains_;  // that had mail here, where the hop counts them
  BodySource* source_ = nullptr;   // of the parcel under way
  bool first_piece_ = true;
  std::optional<smtp::Verdict> answer_;  // to the last recipient
  std::optional<smtp::client::Settled> settled_;
  std::optional<smtp::client::Failed> failed_;
};

}  // namespace mail
