// A Scheduler with a table for a disk, a table for the DNS, and jobs that wait for the test to say
// what became of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "service/queue/scheduler.h"

namespace mail::queue {

class DeskNotices final : public NoticePolicy {
 public:
  std::optional<record::Notice> decide(record::Notice proposed, const Recipient& recipient,
                                       const MailOptions&) override {
    if (recipient.notify.never()) return std::nullopt;
    return proposed;
  }
  void due(const std::vector<MessageId>&) override {}
};

class DeskPlacer final : public Placer {
 public:
  bool is_local(std::string_view domain) const override { return domain == local; }
  Placement place(const record::PendingDelivery& delivery, WallTime) const override {
    Placement placement;
    for (const auto& pending : delivery.recipients) {
      placement.deliveries.push_back({.target = ToMailbox{.account = {7}},
                                      .recipients = {pending.recipient},
                                      .reverse_path = delivery.reverse_path,
                                      .added_fields = {}});
    }
    return placement;
  }
  std::string local;
};

class Desk {
 public:
  explicit Desk(QueueSettings settings = {}) { boot(std::move(settings)); }

  void boot(QueueSettings settings) {
    scheduler = std::make_unique<Scheduler>(std::move(settings), std::make_shared<const Routes>(),
                                            placer, notices, 1, now);
    jobs.clear();
  }
  // The process dies and comes back: what is on disk is all there is.
  void reboot(QueueSettings settings = {}) {
    boot(std::move(settings));
    std::optional<QueueName> last;
    for (const auto& [key, load] : disk) {
      if (last != key.queue) scheduler->learned(key, now);
      last = key.queue;
    }
    turn();
  }

  MessageId add(const std::string& domain, std::vector<Recipient> recipients,
                const std::string& lane = "1", const MailOptions& options = {}) {
    std::map<std::string, std::vector<Recipient>> by_domain;
    by_domain[domain] = std::move(recipients);
    return add(std::move(by_domain), lane, options);
  }
  // One message for recipients of several domains.
  MessageId add(std::map<std::string, std::vector<Recipient>> by_domain,
                const std::string& lane = "1", const MailOptions& options = {}) {
    const MessageId id = MessageId::make(now.wall.time_since_epoch().count(), 1, ++messages_);
    Enqueued mail;
    mail.message = id;
    mail.reverse_path = sender;
    mail.options = options;
    mail.size = 4;
    if (staged) {
      mail.body = record::KvBody{record::BodyFamily::mail, id, 2};
    } else {
      mail.content = std::make_shared<const std::string>("mail");
    }
    std::uint32_t number = 0;
    for (auto& [domain, recipients] : by_domain) {
      QueuedDelivery row{.key = {{"mx", domain, lane}, now.wall, id, number++}, .delivery = {}};
      row.delivery.message = id;
      row.delivery.since = now.wall;
      row.delivery.reverse_path = "tom@gmail.test";
      for (Recipient& recipient : recipients) {
        row.delivery.recipients.push_back({std::move(recipient), {}, false});
      }
      disk[row.key] = {row, options, 4, {}};
      mail.deliveries.push_back(std::move(row));
    }
    scheduler->enqueued(std::move(mail), now);
    return id;
  }
  // All these domains have the same hosts.
  void share_a_site(const std::vector<std::string>& domains) {
    for (const std::string& domain : domains) {
      dns[domain] = {.kind = Resolution::Kind::found,
                     .hosts = {},
                     .site = "mx.big.test",
                     .name = "mx.big.test",
                     .enhanced = {},
                     .why = {},
                     .ttl = std::chrono::hours(1)};
    }
  }
  void add_many(std::size_t count, const std::string& domain, const std::string& lane) {
    for (std::size_t i = 0; i < count; ++i) add(domain, {concat("u", i, "@", domain)}, lane);
    turn();
  }

  // Does all that needs no peer.
  void turn() {
    for (;;) {
      Actions actions = scheduler->take(now);
      if (actions.empty()) return;
      const auto patient = std::ranges::count_if(actions.leases, &LeaseRows::patient);
      patient_at_once = std::max(patient_at_once, patient);
      for (const LeaseRows& wanted : actions.leases) lease(wanted);
      for (const ResolveHosts& wanted : actions.resolves) resolve(wanted);
      for (Job& job : actions.jobs) jobs.push_back(std::move(job));
      if (actions.settle.empty()) continue;
      for (const Outcome& outcome : actions.settle) apply(outcome);
      scheduler->settled(now);
    }
  }
  void pass(Milliseconds by) {
    now.wall += by;
    now.mono += by;
    turn();
  }

  static smtp::Verdict verdict(smtp::Verdict::Kind kind, std::string enhanced = {}) {
    return {.kind = kind, .enhanced = std::move(enhanced), .text = "said so"};
  }
  // One verdict for all recipients, or one for each.
  void attempt(const Parcel& parcel, std::vector<smtp::Verdict> verdicts) {
    Attempt attempt{.key = parcel.key, .recipients = {}, .connection = {}, .began = now.wall};
    for (std::size_t i = 0; i < parcel.recipients.size(); ++i) {
      attempt.recipients.push_back(verdicts[std::min(i, verdicts.size() - 1)]);
    }
    std::vector<Attempt> attempts;
    attempts.push_back(std::move(attempt));
    scheduler->attempted(std::move(attempts), now);
  }
  Job take_job(std::size_t index = 0) {
    Job job = std::move(jobs.at(index));
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(index));
    return job;
  }
  void finish(const Job& job, smtp::Verdict::Kind kind = smtp::Verdict::Kind::accepted,
              std::string enhanced = {}) {
    for (const Parcel& parcel : job.parcels) attempt(parcel, {verdict(kind, enhanced)});
    scheduler->job_done(job.site, job.slot, {}, std::nullopt, now);
    turn();
  }
  void fail(const Job& job) {
    SiteTrouble trouble;
    trouble.verdict.cause = smtp::Verdict::Cause::closed;
    trouble.verdict.enhanced = "4.4.1";
    trouble.verdict.text = "connection refused";
    scheduler->job_done(job.site, job.slot, job.parcels, std::move(trouble), now);
    turn();
  }

  std::size_t count(RecipientOutcome::Kind kind) const {
    std::size_t found = 0;
    for (const Outcome& outcome : outcomes) {
      found += static_cast<std::size_t>(std::ranges::count(
          outcome.recipients, kind, [](const RecipientOutcome& told) { return told.kind; }));
    }
    return found;
  }
  const Loaded& row(MessageId id) const {
    for (const auto& [key, load] : disk) {
      if (key.message == id) return load;
    }
    ADD_FAILURE() << "no such row";
    return disk.begin()->second;
  }

  Now now{WallTime(std::chrono::days(20'000)), MonoTime(std::chrono::hours(1))};
  DeskNotices notices;
  DeskPlacer placer;
  std::unique_ptr<Scheduler> scheduler;
  std::map<QueueKey, Loaded> disk;
  std::map<std::string, Resolution> dns;  // others: found, each a site of its own
  std::string sender = "tom@gmail.test";  // of what is added; its deliveries keep Tom
  bool staged = false;                    // what is added is too large for memory
  std::vector<Job> jobs;
  std::vector<Outcome> outcomes;
  std::size_t leases = 0;
  std::size_t patient_leases = 0;
  std::ptrdiff_t patient_at_once = 0;  // at most

 private:
  void lease(const LeaseRows& wanted) {
    ++leases;
    if (wanted.patient) ++patient_leases;
    LeasedRows answer{.id = wanted.id, .rows = {}, .last = {}};
    for (const auto& [key, load] : disk) {
      if (key.queue != wanted.queue || (wanted.after && key <= *wanted.after)) continue;
      if (answer.rows.size() == wanted.limit) break;
      answer.rows.push_back(load);
      answer.last = key;
    }
    answer.more = answer.rows.size() == wanted.limit;
    scheduler->leased(std::move(answer), now);
  }
  void resolve(const ResolveHosts& wanted) {
    Resolution resolution{.kind = Resolution::Kind::found,
                          .hosts = {{concat("mx.", wanted.domain), {}, false}},
                          .site = wanted.domain,
                          .name = concat("mx.", wanted.domain),
                          .enhanced = {},
                          .why = {},
                          .ttl = std::chrono::hours(1)};
    if (const auto found = dns.find(wanted.domain); found != dns.end()) resolution = found->second;
    scheduler->resolved(wanted.id, std::move(resolution), now);
  }
  void apply(const Outcome& outcome) {
    outcomes.push_back(outcome);
    const auto* place = std::get_if<QueueKey>(&outcome.place);
    if (place == nullptr || !disk.contains(*place)) return;
    const Loaded was = disk.at(*place);
    disk.erase(*place);
    for (const Delivery& rest : outcome.rest) {
      const auto* route = std::get_if<ToRoute>(&rest.target);
      if (route == nullptr) continue;
      Loaded next = was;
      next.row.key.queue = route->queue;
      next.row.key.due = route->due;
      next.row.delivery.attempts = outcome.attempts;
      std::erase_if(next.row.delivery.recipients, [&](const record::PendingRecipient& pending) {
        return std::ranges::find(rest.recipients, pending.recipient) == rest.recipients.end();
      });
      for (auto& pending : next.row.delivery.recipients) tell(pending, outcome);
      disk[next.row.key] = std::move(next);
    }
  }
  static void tell(record::PendingRecipient& pending, const Outcome& outcome) {
    for (const RecipientOutcome& told : outcome.recipients) {
      if (told.recipient != pending.recipient.address) continue;
      pending.reason = told.reason;
      if (told.notice && told.notice->kind == record::NoticeKind::delayed)
        pending.delay_told = true;
    }
  }
  std::uint32_t messages_ = 0;
};

}  // namespace mail::queue
