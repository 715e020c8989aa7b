// Finds the host of a destination that takes mail, and opens a connection to it: hosts in their
// order, addresses against each other (RFC 8305), TLS as the route asks. One I/O thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/smtp/client_settings.h"
#include "platform/net/connect.h"
#include "service/outbound/courier.h"
#include "service/outbound/hop_connection.h"

namespace mail {

struct SenderSettings {
  std::string hostname;  // said at EHLO where a route has no name of its own
  smtp::ClientTimeouts timeouts;
  net::DialOptions dial;  // its source is the route's
  Milliseconds keep_idle{5'000};
  std::size_t messages_per_connection = 1'000;
  std::size_t max_connections = 2'000;  // of all threads together
  std::filesystem::path ca_file;        // PEM; empty: the system's authorities
};

struct Obstacle {  // why no host takes mail: the last one's word, or what none of them has
  smtp::Verdict verdict;
  ConnectionFacts facts;
};

class HopOpener {
 public:
  HopOpener(const HopServices& services, const SenderSettings& settings)
      : services_(services), settings_(settings) {}

  // Nothing, and take() has a connection that is ready. `strict`: it must be what RFC 8689 §4.2.1
  // asks for; when hosts answer and none is, the verdict is a rejection.
  Task<std::optional<Obstacle>> open(std::shared_ptr<const Destination> destination, bool strict);
  std::unique_ptr<HopConnection> take() { return std::move(connection_); }

  void cancel();  // no other host is tried; a connection being set up may go on
  void cut();     // nor that

 private:
  Task<std::optional<Obstacle>> try_hosts(const Destination& destination, bool strict);
  Task<std::optional<Obstacle>> try_host(std::shared_ptr<const Route> route, const HopHost& host,
                                         bool strict);
  Task<std::optional<smtp::client::Failed>> set_up(std::shared_ptr<const Route> route,
                                                   const HopHost& host, smtp::HopTls tls,
                                                   ConnectionFacts& facts);
  Task<Result<net::Stream>> dial(const Route& route, const HopHost& host);
  MonoTime now() const { return services_.thread.clock().mono_now(); }

  const HopServices& services_;
  const SenderSettings& settings_;
  std::unique_ptr<HopConnection> connection_;
  net::Dial* dial_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace mail
