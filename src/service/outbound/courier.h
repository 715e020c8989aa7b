// Between the queue, which decides what goes when, and the senders, which carry it: jobs out,
// attempts back. The queue's simulator has a courier of its own.
// Threads: Courier::send() is called on the queue's thread and never blocks; CourierEvents are told
// from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/address/ip_address.h"
#include "codec/envelope/options.h"
#include "codec/record/envelope.h"
#include "codec/smtp/client_verdict.h"
#include "service/routing/route.h"
#include "service/store/outcome.h"

namespace mail {

// One message for recipients of one domain. Parcels of one message that follow each other in a job
// share a transaction where they can.
struct Parcel {
  QueueKey key;  // names it in the answer
  MailOptions options;
  std::string reverse_path;
  std::string added_fields;                    // stand before the content
  std::vector<Recipient> recipients;           // those that are due
  std::uint64_t size = 0;                      // of the content, without the added fields
  std::shared_ptr<const std::string> content;  // null: `body` is read from the store
  record::BodyRef body;
  std::uint32_t staged_chunks = 0;  // instead: read from the chunks staged for `key.message`
};

struct HopHost {
  std::string name;                  // checked against the certificate; "" for a Unix socket
  std::vector<IpAddress> addresses;  // in the order to be tried
  bool secure = false;               // its name came by DNSSEC (RFC 8689 §4.2.1)
};

// Where the mail of a site goes now. Immutable; a new one is made when DNS says something else.
struct Destination {
  std::shared_ptr<const Route> route;
  std::vector<HopHost> hosts;  // in the order to be tried; empty for a Unix socket
  std::string name;            // of the site, for logs and people: "mx1.yahoo.test"
};

// At most one connection per slot; a slot lives on one thread and keeps its connection for the next
// job when it can.
struct Job {
  std::uint64_t site = 0;
  std::uint32_t slot = 0;
  std::shared_ptr<const Destination> destination;
  std::vector<Parcel> parcels;  // sent in this order
};

struct ConnectionFacts {
  std::string host;     // "mx1.yahoo.test"
  std::string address;  // "192.0.2.1:25" or the path of a socket
  std::string source;   // our address
  std::string tls;      // "TLSv1.3"; "" in the clear
  std::string cipher;
  bool verified = false;  // the certificate was the host's
  Milliseconds connect{0};
  Milliseconds handshake{0};
  bool reused = false;
  bool dsn = false;  // the hop offers DSN (RFC 3461): it reports itself
};

struct Attempt {
  QueueKey key;
  std::vector<smtp::Verdict> recipients;  // in the order of the parcel's
  ConnectionFacts connection;
  WallTime began;
  Milliseconds took{0};          // from MAIL to the last reply
  bool maybe_delivered = false;  // no reply to the final dot: the next attempt may double it
};

// Why no mail can go to a site now: no host was reached, or none carries mail.
struct SiteTrouble {
  smtp::Verdict verdict;  // of the last host tried; `deferred`, or `rejected` for what RFC 8689
                          // and null MX call permanent
  ConnectionFacts connection;
};

class CourierEvents {
 public:
  virtual ~CourierEvents() = default;
  virtual void attempted(std::vector<Attempt> attempts) = 0;  // as they happen, some at a time
  // The slot is free again. `untried` come back as they were: the trouble says why, or the
  // connection had carried as many messages as it may.
  virtual void job_done(std::uint64_t site, std::uint32_t slot, std::vector<Parcel> untried,
                        std::optional<SiteTrouble> trouble) = 0;
};

class Courier {
 public:
  virtual ~Courier() = default;
  virtual void send(Job job) = 0;
};

}  // namespace mail
