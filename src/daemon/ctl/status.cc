// status: how the running server does, and the sums of security.md 17.
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/history/history.h"

namespace mail::ctl {
namespace {

json::Value to_json(const ServerStatus& status, const QueueStatus& queue) {
  json::Array listeners;
  for (const ListenerStatus& listener : status.listeners) {
    listeners.push_back(json::Object{
        {"address", listener.address}, {"role", listener.role}, {"tls", listener.tls}});
  }
  const Totals sums = totals(status.counters);
  json::Object row{{"accepted", sums.accepted}};
  for (const Totals::Part& part : sums.parts) row.push_back({std::string(part.name), part.count});
  return json::Object{
      {"version", status.version},
      {"hostname", status.hostname},
      {"state", status.state},
      {"process", status.process},
      {"started", message::iso_date(status.started_at)},
      {"listeners", std::move(listeners)},
      {"store",
       json::Object{{"healthy", status.store_healthy}, {"storage_low", status.storage_low}}},
      {"queue", json::Object{{"ready", queue.ready},
                             {"queued", status.counters.queued},
                             {"held", status.counters.held},
                             {"sending", queue.sending},
                             {"unsettled", queue.unsettled},
                             {"sites", queue.sites},
                             {"sites_in_trouble", queue.sites_down}}},
      {"messages", sums.messages},
      {"sums", std::move(row)},
      {"balanced", sums.balanced},
      {"restart_needed", json::Array(status.restart_needed.begin(), status.restart_needed.end())}};
}

std::string queue_text(const ServerStatus& status, const QueueStatus& queue) {
  std::string out = concat("Queue: ", status.counters.queued, " queued, ", status.counters.held,
                           " held, ", queue.sending, " being sent; ", queue.sites_down, " of ",
                           queue.sites, " next hops in trouble");
  if (!queue.ready) out += "; still reading what waits";
  return out += '\n';
}

std::string to_text(const ServerStatus& status, const QueueStatus& queue) {
  std::string out =
      concat("Mailwright ", status.version, " on ", status.hostname, ", process ", status.process,
             ", since ", human_time(status.started_at), "\nState ", status.state, ": ",
             status.store_healthy ? "healthy" : "CLOSED, being checked; mail is answered 421",
             status.storage_low ? "; disk nearly full, mail is answered 452" : "", "\n\n");
  TextTable listeners({"LISTENER", "ROLE", "TLS"});
  for (const ListenerStatus& listener : status.listeners) {
    listeners.add({listener.address, listener.role, listener.tls});
  }
  const Totals sums = totals(status.counters);
  append(out, listeners.to_string(), "\n", queue_text(status, queue), "\n", sums.messages,
         " messages for ", sums.accepted, " recipients\naccepted ", sums.accepted);
  std::string_view sign = " = ";
  for (const Totals::Part& part : sums.parts) {
    append(out, sign, part.name, ' ', part.count);
    sign = " + ";
  }
  out += sums.balanced ? "\n" : "\nTHE SUMS DO NOT ADD UP: run `mailwright store check`.\n";
  for (const std::string& key : status.restart_needed) {
    append(out, "Restart to change: ", key, '\n');
  }
  return out;
}

}  // namespace

Task<Answer> show_status(Admin& admin, const Request& request, Output& output) {
  const ServerStatus status = admin.status();
  const QueueStatus queue = co_await admin.queue->status();
  if (request.json) co_return co_await print_json(output, to_json(status, queue));
  co_return co_await print(output, to_text(status, queue));
}

}  // namespace mail::ctl
