// What the scheduler alone costs: enqueue -> job -> attempted -> settled, per message, with nothing
// behind it. Usage: bench_scheduler [MESSAGES] [DOMAINS]
#include "service/queue/scheduler.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace {

using namespace mail;

class Silent final : public NoticePolicy {
 public:
  std::optional<record::Notice> decide(record::Notice, const Recipient&,
                                       const MailOptions&) override {
    return std::nullopt;
  }
  void due(const std::vector<MessageId>&) override {}
};
class Nowhere final : public Placer {
 public:
  bool is_local(std::string_view) const override { return false; }
  Placement place(const record::PendingDelivery&, WallTime) const override { return {}; }
};

struct Bench {
  Silent notices;
  Nowhere placer;
  queue::Now now{WallTime(std::chrono::days(20'000)), MonoTime(std::chrono::hours(1))};
  queue::Scheduler scheduler{{}, std::make_shared<const Routes>(), placer, notices, 1, now};
  std::vector<Job> jobs;
  std::size_t settled = 0;
  std::size_t sent_jobs = 0;

  void turn() {
    for (;;) {
      queue::Actions actions = scheduler.take(now);
      if (actions.empty()) return;
      for (const queue::ResolveHosts& wanted : actions.resolves) {
        queue::Resolution found{.kind = queue::Resolution::Kind::found,
                                .hosts = {},
                                .site = wanted.domain,
                                .name = wanted.domain,
                                .enhanced = {},
                                .why = {},
                                .ttl = std::chrono::hours(1)};
        scheduler.resolved(wanted.id, std::move(found), now);
      }
      for (Job& job : actions.jobs) jobs.push_back(std::move(job));
      if (actions.settle.empty()) continue;
      settled += actions.settle.size();
      scheduler.settled(now);
    }
  }

  void carry() {
    for (Job& job : std::exchange(jobs, {})) {
      ++sent_jobs;
      std::vector<Attempt> attempts;
      attempts.reserve(job.parcels.size());
      for (Parcel& parcel : job.parcels) {
        attempts.push_back({.key = std::move(parcel.key),
                            .recipients = {{.kind = smtp::Verdict::Kind::accepted,
                                            .enhanced = "2.0.0",
                                            .text = "250 2.0.0 Ok: queued as 4XyZ"}},
                            .connection = {.host = "mx1.example.test",
                                           .address = "192.0.2.1:25",
                                           .source = "192.0.2.9",
                                           .tls = "TLSv1.3",
                                           .cipher = "TLS_AES_256_GCM_SHA384"},
                            .began = now.wall});
      }
      scheduler.attempted(std::move(attempts), now);
      scheduler.job_done(job.site, job.slot, {}, std::nullopt, now);
    }
  }
};

Enqueued mail_to(std::uint32_t number, std::uint32_t domains, WallTime now,
                 const std::shared_ptr<const std::string>& content) {
  Enqueued mail;
  mail.message = MessageId::make(now.time_since_epoch().count(), 1, number);
  mail.content = content;
  mail.size = content->size();
  const std::string domain = concat("domain", number % domains, ".test");
  QueuedDelivery row{.key = {{"mx", domain, "1"}, now, mail.message, 0}, .delivery = {}};
  row.delivery.message = mail.message;
  row.delivery.since = now;
  row.delivery.reverse_path = "newsletter@example.test";
  row.delivery.recipients.push_back({concat("user", number, "@", domain), {}, false});
  mail.deliveries.push_back(std::move(row));
  return mail;
}

}  // namespace

int main(int argc, char** argv) {
  const auto messages = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 500'000);
  const auto domains = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 100);
  constexpr std::uint32_t kBurst = 1000;
  const auto content = std::make_shared<const std::string>(std::string(1024, 'x'));
  Bench bench;
  std::chrono::nanoseconds spent{0};
  for (std::uint32_t done = 0; done < messages; done += kBurst) {
    std::vector<Enqueued> burst;
    for (std::uint32_t i = 0; i < kBurst; ++i) {
      burst.push_back(mail_to(done + i, domains, bench.now.wall, content));
    }
    const auto began = std::chrono::steady_clock::now();
    for (Enqueued& mail : burst) bench.scheduler.enqueued(std::move(mail), bench.now);
    bench.turn();
    while (!bench.jobs.empty()) {
      bench.carry();
      bench.turn();
    }
    spent += std::chrono::steady_clock::now() - began;
    bench.now.wall += std::chrono::milliseconds(10);
    bench.now.mono += std::chrono::milliseconds(10);
  }
  std::printf("%zu messages, %u domains: %.2f us a message, %.1f a job\n", bench.settled, domains,
              static_cast<double>(spent.count()) / 1000.0 / messages,
              static_cast<double>(bench.settled) / static_cast<double>(bench.sent_jobs));
}
