// Where the mail of an end-to-end session goes now: hosts by DNS or configuration, and connections
// to them. Threads: start() before the first session, reload() at any time; the rest on the I/O
// threads of the sender.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/address.h"
#include "codec/smtp/passed_reply.h"
#include "platform/net/io_thread.h"
#include "service/mx/mx.h"
#include "service/outbound/courier.h"
#include "service/outbound/sender.h"
#include "service/routing/route.h"

namespace mail {

class NextHops {
 public:
  // All outlive it.
  NextHops(dns::Resolver& resolver, Random& random, const Clock& clock,
           std::shared_ptr<const mx::MxWorld> world);
  void start(Sender& sender, std::size_t messages_per_connection) {
    sender_ = &sender;
    messages_per_connection_ = messages_per_connection;
  }
  std::size_t messages_per_connection() const { return messages_per_connection_; }
  void reload(std::shared_ptr<const mx::MxWorld> world);

  struct Found {
    std::shared_ptr<const Destination> destination;  // null: there is none
    std::optional<smtp::PassedReply> refusal;        // and never will be; else not now
    std::string why;
  };
  Task<Found> find(std::shared_ptr<const Route> route, Domain domain);

  // The sender's ways, with less patience: a client waits for each answer. It and its connections
  // go before the sender.
  std::unique_ptr<HopOpener> opener(net::IoThread& thread) { return sender_->opener(thread); }

  const Clock& clock() const { return clock_; }

 private:
  std::shared_ptr<const mx::MxWorld> world() const;

  dns::Resolver& resolver_;
  Random& random_;
  const Clock& clock_;
  Sender* sender_ = nullptr;
  std::size_t messages_per_connection_ = 1;
  mutable std::mutex mutex_;
  std::shared_ptr<const mx::MxWorld> world_;  // guarded by mutex_
};

}  // namespace mail
