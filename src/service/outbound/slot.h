// One place for a connection to a site: takes a job at a time, sends its parcels one after another
// and keeps the connection for the next job for a while. Lives on one I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/task.h"
#include "service/outbound/courier.h"
#include "service/outbound/hop_connection.h"
#include "service/outbound/hop_opener.h"

namespace mail {

// What a slot asks of the thread it lives on.
class SlotHost {
 public:
  virtual ~SlotHost() = default;
  virtual void attempted(Attempt attempt) = 0;
  virtual void job_done(Job job, std::size_t tried, std::optional<SiteTrouble> trouble) = 0;
  virtual Task<void> connection_permit() = 0;  // waits until one more connection may be
  virtual void connection_gone() = 0;
  virtual bool connection_wanted() const = 0;  // somebody waits for a permit
};

class Slot {
 public:
  Slot(SlotHost& host, const HopServices& services, const SenderSettings& settings);
  ~Slot();

  // One job at a time: the next when job_done() was told.
  void give(Job job);
  Task<void> run();  // from the first job until the connection was given up for want of work
  void begin_stop();
  void cut();
  bool is_idle() const { return idle_; }
  void end_idle();  // the connection is wanted elsewhere

 private:
  Task<void> work(Job job);
  // A connection on which this parcel, the next, may go.
  Task<std::optional<Obstacle>> reach(std::shared_ptr<const Destination> destination,
                                      const Parcel& parcel);
  // How many of them, the first at least, may go in one transaction.
  std::size_t count_together(std::span<const Parcel> parcels) const;
  std::size_t report_all(std::span<Parcel> group, HopConnection::Sent sent);
  Task<void> drop();
  bool fits(const std::shared_ptr<const Destination>& destination, const Parcel& parcel);
  void report(const Parcel& parcel, HopConnection::Sent sent, ConnectionFacts facts);
  MonoTime now() const { return services_.thread.clock().mono_now(); }

  SlotHost& host_;
  const HopServices& services_;
  const SenderSettings& settings_;
  HopOpener opener_;
  std::optional<Job> job_;
  std::unique_ptr<HopConnection> connection_;
  std::shared_ptr<const Destination> destination_;  // that the connection is known to be for
  bool secure_name_ = false;                        // the connection's host came by DNSSEC
  net::Dial* dial_ = nullptr;
  bool mixes_ = true;  // the site takes several domains in a transaction, as far as we know
  bool idle_ = false;
  bool stopping_ = false;
};

}  // namespace mail
