// SMTP in: listeners on every I/O thread and the sessions behind them (design §2.1-5, §4).
// A session lives and dies on one thread, by the settings it began with. Threads: the owner calls
// apply() and stop(), not from an I/O thread; the I/O threads run from before start to after
// stop().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/address/ip_address.h"
#include "codec/smtp/listener.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"
#include "platform/tls/context.h"
#include "service/auth/authenticator.h"
#include "service/directory/control_store.h"
#include "service/end_to_end/next_hops.h"
#include "service/policy/limits.h"
#include "service/policy/verdict.h"
#include "service/smtpd/client_table.h"
#include "service/spool/spool.h"
#include "service/store/mail_store.h"

namespace mail {

// What sessions work with; all outlive the server.
struct Services {
  MailStore& store;
  ControlStore& control;
  Authenticator& authenticator;
  const std::vector<Judge*>& judges;  // does not change
  Spool& spool;
  Limits& limits;
  const Clock& clock;
  NextHops* next_hops = nullptr;  // null: there is no listener with mode = "end-to-end"
};

// A listener as it is to be served. Immutable: a reload makes new ones.
struct ServedListener {
  std::shared_ptr<const smtp::SmtpListener> listener;
  std::shared_ptr<const Routes> routes;
  std::shared_ptr<const std::vector<IpNetwork>> relay_networks;
  std::shared_ptr<const tls::ServerContext> tls;  // null: no certificate; never with implicit TLS
  SmtpLimits limits;
};

class Site;

class SmtpServer {
 public:
  SmtpServer(std::vector<net::IoThread*> threads, Services services);
  ~SmtpServer();  // stop()
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  // Serves exactly these listeners from now on. An address served before keeps its socket and its
  // sessions; new sessions get the new settings. All or nothing: on failure all is as before.
  Result<void> apply(std::vector<ServedListener> listeners);

  // Where it listens, in the order of apply(), with the ports that were chosen.
  std::vector<net::Address> addresses() const;
  std::size_t connections() const { return clients_.connections(); }

  // Takes no more, tells every session 421 and waits for them: after `grace` the connections are
  // cut, but a commit under way is always waited for.
  void stop(Milliseconds grace = Milliseconds{5000});

 private:
  struct Door;  // one listener and its settings of the moment
  Result<std::shared_ptr<Door>> open_door(ServedListener served);

  Services services_;
  ClientTable clients_;
  std::vector<net::IoThread*> threads_;
  std::vector<std::unique_ptr<Site>> sites_;  // one per thread
  std::vector<std::shared_ptr<Door>> doors_;
  std::vector<std::shared_ptr<Door>> closed_;  // their last accepts may still be under way
  bool stopped_ = false;
};

}  // namespace mail
