#include "service/door/list_check.h"

#include <algorithm>
#include <string>

#include "base/log.h"
#include "base/text.h"
#include "codec/dns/rdata.h"
#include "service/door/listing.h"

namespace mail::door {
namespace {

using Kind = dns::Answer::Kind;

constexpr std::chrono::seconds kPatience{10};  // with each

// What is wrong with an answer to the test entry; empty: nothing, or nothing is known.
std::string complaint(const dns::Answer& answer) {
  if (answer.kind == Kind::failed) return "";
  if (answer.kind != Kind::found) return "it has no entry for tests";
  const List any{.zone = {}, .answers = {}, .reply = {}};
  std::string other;
  for (const std::string& rdata : answer.records) {
    const auto address = dns::parse_a(rdata);
    if (address && counts(any, *address)) return "";
    if (address) other = address->to_string();
  }
  return concat("it answers ", other, ", which says that it does not serve this server");
}

}  // namespace

Task<void> check_lists(dns::Resolver& resolver, const Settings& settings, const Clock& clock) {
  for (const List& list : settings.lists) {
    const std::string test = test_entry_name(list);
    const MonoTime deadline = clock.mono_now() + kPatience;
    const dns::Answer answer = co_await resolver.ask(test, dns::Type::a, deadline);
    const std::string why = complaint(answer);
    if (why.empty()) continue;
    log::warning("door.list_dead", {{"zone", list.zone},
                                    {"asked", test},
                                    {"why", why},
                                    {"do", "check its name, and its terms of use"}});
  }
}

}  // namespace mail::door
