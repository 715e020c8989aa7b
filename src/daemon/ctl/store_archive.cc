// store export|import|forget: a queue on its way to another machine (service/archive/carry.h).
#include "base/log.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/archive/carry.h"
#include "service/report/reporter.h"
#include "service/spool/placer.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kAll = 1'000'000'000;
constexpr std::uint64_t kSaidEvery = 10'000;  // messages

// Through the running queue, which must know what it may send.
class QueueHolder final : public archive::Holder {
 public:
  explicit QueueHolder(Queue& queue) : queue_(queue) {}
  Task<Result<void>> hold(std::vector<MessageId> messages, std::string reason) override {
    QueueFilter filter;
    filter.ids = std::move(messages);
    filter.limit = kAll;
    MAIL_CO_TRY(co_await queue_.hold(std::move(filter), std::move(reason)));
    co_return Result<void>{};
  }

 private:
  Queue& queue_;
};

class Nobody final : public EnqueuedSink {
 public:
  void enqueued(Enqueued) override {}
};

// Time flies: what the reporter would wait for will not come while nothing is sent.
class HastyClock final : public Clock {
 public:
  explicit HastyClock(const Clock& clock) : clock_(clock) {}
  WallTime wall_now() const override { return clock_.wall_now(); }
  MonoTime mono_now() const override { return clock_.mono_now() + ahead_; }
  void hurry() { ahead_ += std::chrono::hours(2); }

 private:
  const Clock& clock_;
  std::chrono::hours ahead_{0};
};

// What senders are due to be told of is told first, as a running server does within a minute: so
// it is mail like the other, and is not told from two machines.
Task<Result<void>> tell_senders(Admin& admin) {
  const SpoolPlacer placer(admin.control, admin.settings->routes);
  HastyClock clock(admin.clock);
  ReportSettings settings;
  settings.hostname = admin.settings->hostname;
  settings.postmaster = "Postmaster";
  Reporter reporter(admin.store, placer, clock, settings);
  Nobody nobody;
  for (int turn = 0; turn < 1000; ++turn) {
    MAIL_CO_TRY(const std::vector<MessageId> due, co_await admin.store.noticed(std::nullopt, 1));
    if (due.empty()) co_return Result<void>{};
    clock.hurry();
    co_await reporter.tick(nobody);
  }
  co_return fail(Errc::store_unhealthy, "the notices that are due cannot be written");
}

// A line now and then, for whoever waits at a terminal.
class Steps final : public archive::Progress {
 public:
  Steps(const Request& request, Output& output) : json_(request.json), output_(output) {}
  Task<void> reached(std::uint64_t messages) override {
    if (json_ || messages < said_ + kSaidEvery) co_return;
    said_ = messages;
    co_await print(output_, concat(messages, " messages so far\n"));  // gone: the work goes on
  }

 private:
  const bool json_;
  Output& output_;
  std::uint64_t said_ = 0;
};

archive::Carrier carrier_of(Admin& admin, archive::Progress& progress) {
  return {.store = admin.store,
          .pool = admin.pool,
          .clock = admin.clock,
          .outgoing = admin.queue,
          .progress = &progress};
}

json::Array ids_of(const std::vector<MessageId>& messages) {
  json::Array ids;
  for (const MessageId& id : messages) ids.push_back(json::Value(id.to_string()));
  return ids;
}

std::string named(const std::vector<MessageId>& messages) {
  std::string text;
  for (const MessageId& id : messages) append(text, text.empty() ? " " : ", ", id.to_string());
  return text;
}

std::string counted(std::uint64_t number, std::string_view one) {
  return concat(number, " ", one, number == 1 ? "" : "s");
}

std::string text_of(const archive::Exported& done, const std::string& file) {
  std::string text =
      concat(counted(done.sums.messages, "message"), " with ", done.sums.deliveries,
             done.sums.deliveries == 1 ? " delivery" : " deliveries", " (", done.sums.octets,
             " octets) are in ", printable(file), ", archive ", done.archive.to_string(), ".\n");
  if (done.sums.messages > 0) {
    text +=
        "They are held here from now on. On the other machine: `mailwright store import FILE`. "
        "When it has them, here: `mailwright store forget FILE`. If it shall not have them after "
        "all, here: `mailwright store import FILE`.\n";
  }
  if (done.sending > 0) {
    append(text, counted(done.sending, "message"),
           " stayed: being sent right now. Export once more, to another file, for what is left.\n");
  }
  if (done.elsewhere > 0) {
    append(text, done.elsewhere, done.elsewhere == 1 ? " delivery is" : " deliveries are",
           " held since an earlier export and not in this one.\n");
  }
  return text;
}

std::string text_of(const archive::Imported& done) {
  std::string text = concat(counted(done.messages, "message"), " of archive ",
                            done.archive.to_string(), " wait here now.\n");
  if (done.returned > 0) {
    append(text, counted(done.returned, "message"), " that had been exported wait here again.\n");
  }
  if (done.known > 0) {
    append(text, counted(done.known, "message"), " had been imported before.\n");
  }
  return text;
}

}  // namespace

Task<Answer> store_export(Admin& admin, const Request& request, Output& output) {
  const std::string file = request.text("FILE");
  Steps steps(request, output);
  std::optional<QueueHolder> running;
  archive::StoreHolder alone(admin.store, admin.clock);
  if (admin.queue != nullptr) {
    running.emplace(*admin.queue);
  } else {
    MAIL_CO_TRY(co_await tell_senders(admin));
  }
  archive::Holder& holder = running ? static_cast<archive::Holder&>(*running) : alone;
  MAIL_CO_TRY(const archive::Exported done,
              co_await archive::export_queue(carrier_of(admin, steps), file, holder));
  MAIL_CO_TRY(const std::vector<MessageId> noticed, co_await admin.store.noticed({}, 1000));
  log::info("store.exported", {{"file", file},
                               {"archive", done.archive.to_string()},
                               {"messages", done.sums.messages},
                               {"by", request.asked_by}});
  if (request.json) {
    MAIL_CO_TRY(co_await print_json(output, json::Object{{"archive", done.archive.to_string()},
                                                         {"messages", done.sums.messages},
                                                         {"deliveries", done.sums.deliveries},
                                                         {"octets", done.sums.octets},
                                                         {"being_sent", done.sending},
                                                         {"exported_earlier", done.elsewhere},
                                                         {"to_be_told", noticed.size()},
                                                         {"damaged", ids_of(done.damaged)}}));
  } else {
    std::string text = text_of(done, file);
    if (!noticed.empty()) {
      append(text, "Senders of ", counted(noticed.size(), "message"),
             " are to be told what became of it: this server does so within a minute; what it "
             "writes them is not in the file.\n");
    }
    MAIL_CO_TRY(co_await print(output, std::move(text)));
  }
  if (done.damaged.empty()) co_return Answer{};
  co_return refuse(Exit::bad_data, concat(counted(done.damaged.size(), "message"),
                                          " cannot be read and stayed here:", named(done.damaged),
                                          ". `mailwright store check` says what is damaged."));
}

Task<Answer> store_import(Admin& admin, const Request& request, Output& output) {
  const std::string file = request.text("FILE");
  Steps steps(request, output);
  MAIL_CO_TRY(const archive::Imported done,
              co_await archive::import_queue(carrier_of(admin, steps), file));
  log::info("store.imported", {{"file", file},
                               {"archive", done.archive.to_string()},
                               {"messages", done.messages},
                               {"by", request.asked_by}});
  if (request.json) {
    MAIL_CO_TRY(co_await print_json(output, json::Object{{"archive", done.archive.to_string()},
                                                         {"messages", done.messages},
                                                         {"returned", done.returned},
                                                         {"known", done.known},
                                                         {"conflicts", ids_of(done.conflicts)}}));
  } else {
    MAIL_CO_TRY(co_await print(output, text_of(done)));
  }
  if (done.conflicts.empty()) co_return Answer{};
  co_return refuse(
      Exit::bad_data,
      concat(counted(done.conflicts.size(), "message"),
             " have ids that other messages have here, and were not taken:", named(done.conflicts),
             ". Release them where they were exported: `mailwright queue release ID`."));
}

Task<Answer> store_forget(Admin& admin, const Request& request, Output& output) {
  const std::string file = request.text("FILE");
  Steps steps(request, output);
  MAIL_CO_TRY(const archive::Forgotten done,
              co_await archive::forget_exported(carrier_of(admin, steps), file));
  log::info("store.forgotten", {{"file", file},
                                {"archive", done.archive.to_string()},
                                {"messages", done.messages},
                                {"by", request.asked_by}});
  if (request.json) {
    co_return co_await print_json(output, json::Object{{"archive", done.archive.to_string()},
                                                       {"messages", done.messages},
                                                       {"deliveries", done.deliveries}});
  }
  co_return co_await print(output, concat(counted(done.messages, "message"), " of archive ",
                                          done.archive.to_string(), " are held here no more.\n"));
}

}  // namespace mail::ctl
