// queue list|show|retry|hold|release|bounce: the mail that waits, and what to do with it.
#include "service/queue/queue.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kMostAtOnce = 100'000;
constexpr std::string_view kUsualReason = "returned by the postmaster";

std::string path_text(const std::string& path) { return path.empty() ? "<>" : path; }

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) append(out, out.empty() ? "" : ", ", text);
  return out;
}

// "in 3m", "in 2h", "now"
std::string time_until(WallTime when, WallTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(when - now).count();
  if (seconds <= 0) return "now";
  if (seconds < 120) return concat("in ", seconds, "s");
  if (seconds < 7200) return concat("in ", seconds / 60, "m");
  return concat("in ", seconds / 3600, "h");
}

std::string next_try_text(const QueueRow& row, WallTime now) {
  if (row.state == QueueRow::State::sending) return "now";
  return row.next_try ? time_until(*row.next_try, now) : "-";
}

json::Value to_json(const QueueRow& row) {
  return json::Object{
      {"id", row.message.to_string()},
      {"number", row.number},
      {"state", to_string(row.state)},
      {"sender", row.sender},
      {"recipients", json::Array(row.recipients.begin(), row.recipients.end())},
      {"next_try", row.next_try ? json::Value(message::iso_date(*row.next_try)) : json::Value()},
      {"reason", row.reason},
      {"attempts", row.attempts},
      {"since", message::iso_date(row.since)},
      {"route", row.queue.route},
      {"domain", row.queue.domain},
      {"lane", row.queue.lane}};
}

std::expected<QueueFilter, Refusal> parse_filter(const Request& request) {
  QueueFilter filter;
  for (const std::string& text : request.texts("ID")) {
    MAIL_TRY(const MessageId id, parse_message_id(text));
    filter.ids.push_back(id);
  }
  filter.sender = request.text("--sender");
  filter.recipient = request.text("--recipient");
  filter.domain = request.text("--domain");
  filter.limit = kMostAtOnce;
  return filter;
}

// What a verb is to work on: everything only where that is said.
std::expected<QueueFilter, Refusal> parse_selection(const Request& request) {
  MAIL_TRY(QueueFilter filter, parse_filter(request));
  if (!filter.empty() || request.has("--all")) return filter;
  return refuse(Exit::usage, concat("queue ", request.verb,
                                    " needs to know which mail: give an ID, --sender, --recipient "
                                    "or --domain, or --all for everything."));
}

std::string rows_text(const std::vector<QueueRow>& rows, WallTime now) {
  TextTable table({"ID", "STATE", "NEXT TRY", "TRIES", "FROM", "TO", "REASON"});
  for (const QueueRow& row : rows) {
    table.add({row.message.to_string(), std::string(to_string(row.state)), next_try_text(row, now),
               concat(row.attempts), path_text(row.sender), joined(row.recipients),
               row.reason.empty() ? "-" : row.reason});
  }
  return table.to_string();
}

Task<Answer> print_rows(Output& output, const std::vector<QueueRow>& rows) {
  JsonRows out(output);
  for (const QueueRow& row : rows) {
    MAIL_CO_TRY(co_await out.add(to_json(row)));
  }
  co_return co_await out.finish();
}

// "2 deliveries of 1 message: done.", and the ones that could not be changed, by name.
Task<Answer> report(const Request& request, std::string_view done, const QueueChange& change,
                    Output& output) {
  if (change.changed.empty() && change.refused.empty()) {
    co_return refuse(Exit::no_input,
                     "Nothing in the queue matches. `mailwright queue list` shows what waits.");
  }
  log::info(concat("queue.", request.verb), {{"deliveries", change.changed.size()},
                                             {"refused", change.refused.size()},
                                             {"by", request.asked_by}});
  MAIL_CO_TRY(co_await print(
      output, concat(change.changed.size(),
                     change.changed.size() == 1 ? " delivery " : " deliveries ", done, ".\n")));
  if (change.refused.empty()) co_return Answer{};
  std::string text = concat(change.refused.size(), " could not be changed:");
  for (const QueueRow& row : change.refused) {
    append(text, "\n  ", row.message.to_string(), " to ", printable(joined(row.recipients)), ": ",
           printable(row.reason));
  }
  co_return refuse(Exit::try_later, std::move(text));
}

}  // namespace

Task<Answer> queue_list(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_filter(request));
  filter.limit = 1000;
  if (request.has("--limit")) {
    const auto number = parse_number(request.text("--limit"));
    if (!number || *number == 0 || *number > kMostAtOnce) {
      co_return refuse(Exit::bad_data,
                       concat("--limit takes a number from 1 to ", kMostAtOnce, "."));
    }
    filter.limit = *number;
  }
  const std::size_t limit = filter.limit;
  MAIL_CO_TRY(const std::vector<QueueRow> rows, co_await admin.queue->list(std::move(filter)));
  if (request.json) co_return co_await print_rows(output, rows);
  if (rows.empty()) co_return co_await print(output, "Nothing waits.\n");
  std::string text = rows_text(rows, admin.clock.wall_now());
  if (rows.size() >= limit) {
    append(text, "These are the first ", limit,
           "; --limit shows more, `mailwright status` counts.\n");
  }
  co_return co_await print(output, std::move(text));
}

Task<Answer> queue_show(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_filter(request));
  MAIL_CO_TRY(const std::vector<QueueRow> rows, co_await admin.queue->list(std::move(filter)));
  if (rows.empty()) {
    co_return refuse(Exit::no_input, concat("Nothing of ", request.text("ID"),
                                            " waits. `mailwright message trace` says what became "
                                            "of it."));
  }
  if (request.json) co_return co_await print_rows(output, rows);
  const WallTime now = admin.clock.wall_now();
  std::string out;
  for (const QueueRow& row : rows) {
    append(out, out.empty() ? "" : "\n", "Message   ", row.message.to_string(), "  ",
           to_string(row.state), "\nFrom      ", printable(path_text(row.sender)), "\nTo        ",
           printable(joined(row.recipients)), "\nSince     ", human_time(row.since), "\nTries     ",
           row.attempts, '\n');
    if (!row.queue.route.empty()) {
      append(out, "Queue     ", printable(row.queue.route), " for ", printable(row.queue.domain));
      if (!row.queue.lane.empty()) append(out, ", of ", printable(row.queue.lane));
      out += '\n';
    }
    append(out, "Next try  ", next_try_text(row, now), row.next_try ? "  " : "",
           row.next_try ? human_time(*row.next_try) : std::string(), "\nReason    ",
           row.reason.empty() ? std::string("-") : printable(row.reason), '\n');
  }
  co_return co_await print(output, std::move(out));
}

Task<Answer> queue_retry(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_selection(request));
  MAIL_CO_TRY(const QueueChange change, co_await admin.queue->retry(std::move(filter)));
  co_return co_await report(request, "tried now", change, output);
}

Task<Answer> queue_hold(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_selection(request));
  std::string reason =
      request.has("--reason") ? request.text("--reason") : std::string("held by the postmaster");
  MAIL_CO_TRY(const QueueChange change,
              co_await admin.queue->hold(std::move(filter), std::move(reason)));
  co_return co_await report(request, "held", change, output);
}

Task<Answer> queue_release(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_selection(request));
  MAIL_CO_TRY(const QueueChange change, co_await admin.queue->release(std::move(filter)));
  co_return co_await report(request, "released", change, output);
}

Task<Answer> queue_bounce(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(QueueFilter filter, parse_selection(request));
  std::string reason =
      request.has("--reason") ? request.text("--reason") : std::string(kUsualReason);
  MAIL_CO_TRY(const QueueChange change,
              co_await admin.queue->bounce(std::move(filter), std::move(reason)));
  co_return co_await report(request, "given back to the sender", change, output);
}

}  // namespace mail::ctl
