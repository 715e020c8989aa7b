// domain dns NAME: what to publish, what is there, what to do.
#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/domain_survey.h"
#include "daemon/ctl/text_table.h"
#include "daemon/settings/endpoint.h"

namespace mail::ctl {
namespace {

constexpr Milliseconds kPatience{20'000};
constexpr std::size_t kMaxString = 255;  // of a TXT record (RFC 1035 §3.3)
constexpr std::size_t kMaxCell = 60;

// Those that people can reach from elsewhere.
std::vector<SubmissionPort> submission_ports(const Settings& settings) {
  std::vector<SubmissionPort> ports;
  for (const auto& listener : settings.listeners) {
    const auto endpoint = parse_endpoint(listener->address);
    if (listener->role != smtp::Role::submission || listener->tls == smtp::TlsMode::none) continue;
    if (!endpoint || endpoint->port == 0 || endpoint->address.is_loopback()) continue;
    const SubmissionPort port{endpoint->port, listener->tls == smtp::TlsMode::implicit};
    if (std::ranges::find(ports, port) == ports.end()) ports.push_back(port);
  }
  return ports;
}

json::Value to_json(const RecordRow& row) {
  json::Array now;
  for (const std::string& text : row.now) now.push_back(json::Value(text));
  return json::Object{{"what", row.what},      {"name", row.name},
                      {"type", row.type},      {"publish", row.publish},
                      {"now", std::move(now)}, {"verdict", std::string(to_string(row.verdict))},
                      {"remedy", row.remedy}};
}

std::string shortened(std::string text) {
  if (text.size() <= kMaxCell) return text;
  text.resize(kMaxCell - 3);
  return text + "...";
}

std::string count_text(const std::vector<RecordRow>& rows, RecordVerdict verdict,
                       std::string_view one, std::string_view several) {
  const auto count = std::ranges::count(rows, verdict, &RecordRow::verdict);
  if (count == 0) return "";
  return concat(" ", count, ' ', count == 1 ? one : several);
}

void append_details(std::string& out, const RecordRow& row) {
  append(out, '\n', row.what, " of ", row.name, ": ", to_string(row.verdict), ".\n");
  if (!row.remedy.empty()) append(out, "  ", printable(row.remedy), '\n');
  const bool to_publish = row.verdict == RecordVerdict::missing ||
                          row.verdict == RecordVerdict::wrong ||
                          row.verdict == RecordVerdict::optional;
  if (to_publish && !row.publish.empty()) {
    append(out, "  publish: ", row.name, ". ", row.type, ' ', printable(row.publish), '\n');
  }
}

std::string to_text(std::string_view domain, const std::vector<RecordRow>& rows) {
  TextTable table({"RECORD", "NAME", "TYPE", "VERDICT", "NOW"});
  for (const RecordRow& row : rows) {
    std::string now = row.now.empty() ? "-" : row.now.front();
    if (row.now.size() > 1) now = concat(now, " (and ", row.now.size() - 1, " more)");
    table.add({row.what, row.name, row.type, std::string(to_string(row.verdict)),
               shortened(std::move(now))});
  }
  std::string out = table.to_string();
  std::string_view said_before;  // a DNS that does not answer says the same of all
  for (const RecordRow& row : rows) {
    if (row.verdict == RecordVerdict::ok && row.remedy.empty()) continue;
    const bool unknown = row.verdict == RecordVerdict::unknown;
    if (unknown && row.remedy == said_before) continue;
    if (unknown) said_before = row.remedy;
    append_details(out, row);
  }
  const std::string missing =
      count_text(rows, RecordVerdict::missing, "record is missing.", "records are missing.");
  const std::string wrong =
      count_text(rows, RecordVerdict::wrong, "record is wrong.", "records are wrong.");
  const std::string unknown =
      count_text(rows, RecordVerdict::unknown, "record could not be looked up.",
                 "records could not be looked up.");
  if (missing.empty() && wrong.empty() && unknown.empty()) {
    return concat(out, "\nEverything that ", domain, " needs is published.\n");
  }
  return concat(out, '\n', domain, ":", missing, wrong, unknown, "\n");
}

// RFC 1035 §5.1, in strings of at most 255 octets.
std::string quoted_strings(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at == 0 || at < text.size(); at += kMaxString) {
    out += out.empty() ? "\"" : " \"";
    for (const char c : text.substr(at, kMaxString)) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out;
}

}  // namespace

std::string zone_text(std::string_view domain, const std::vector<RecordRow>& rows) {
  std::string out = concat("$ORIGIN ", domain, ".\n$TTL 3600\n");
  for (const RecordRow& row : rows) {
    if (row.publish.empty()) continue;
    const bool ours = row.name == domain || row.name.ends_with(concat('.', domain));
    // MTA-STS needs a web server beside it, and reports somebody to read them.
    const bool asks_for_more = row.now.empty() && (row.what == "MTA-STS" || row.what == "TLS-RPT");
    // What is right stays as it is, also a second MX.
    const bool stays = row.verdict == RecordVerdict::ok && !row.now.empty();
    for (const std::string& value : stays ? row.now : std::vector<std::string>{row.publish}) {
      append(out, ours && !asks_for_more ? "" : "; ", row.name, ". ", row.type, ' ',
             row.type == "TXT" ? quoted_strings(value) : value, '\n');
    }
  }
  return out;
}

Task<Answer> domain_dns(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Domain domain, find_domain(admin, request.text("NAME")));
  const std::string& name = domain.text();
  const Outgoing outgoing = admin.outgoing();
  const MonoTime deadline = admin.clock.mono_now() + kPatience;
  // What is seen of the keys counts at once: whoever has just published them need not wait.
  std::vector<signing::SeenKey> keys = co_await admin.keeper->look(name, deadline);
  MAIL_CO_TRY(co_await on(admin.pool, [&] { return admin.keeper->settle(keys); }));
  const std::vector<DkimKeyRow> settled = admin.keeper->keys_of(name);
  std::vector<signing::SeenKey> shown;
  for (const DkimKeyRow& key : settled) {
    const auto seen = std::ranges::find_if(
        keys, [&](const signing::SeenKey& each) { return each.key.selector == key.selector; });
    shown.push_back({key, seen == keys.end() ? signing::Sight::unknown : seen->sight});
  }
  const SurveyWorld world{.resolver = outgoing.resolver,
                          .hostname = to_lower(outgoing.settings->hostname),
                          .own_names = outgoing.mx->own_names,
                          .submission = submission_ports(*outgoing.settings),
                          .now = admin.clock.wall_now(),
                          .deadline = deadline};
  const std::vector<RecordRow> rows = co_await survey(world, name, std::move(shown));
  if (request.has("--zone")) co_return co_await print(output, zone_text(name, rows));
  if (!request.json) co_return co_await print(output, to_text(name, rows));
  JsonRows array(output);
  for (const RecordRow& row : rows) MAIL_CO_TRY(co_await array.add(to_json(row)));
  co_return co_await array.finish();
}

}  // namespace mail::ctl
