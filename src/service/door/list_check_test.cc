#include "service/door/list_check.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/executor.h"
#include "base/log.h"
#include "codec/dns/table_resolver.h"

namespace mail::door {
namespace {

// What the log says of each list.
class Complaints final : public log::Sink {
 public:
  Complaints() { log::set_sink(this); }
  ~Complaints() override { log::set_sink(nullptr); }
  void write(log::Level, std::string_view event, std::span<const log::Field> fields) override {
    EXPECT_EQ(event, "door.list_dead");
    by_zone[fields[0].value] = fields[2].value;
  }
  std::map<std::string, std::string> by_zone;
};

TEST(ListCheck, NamesListsThatAreNotThereOrServeSomebodyElse) {  // RFC 5782 §5
  dns::TableResolver dns;
  dns.a("2.0.0.127.bl.test", "127.0.0.2").a("test.dbl.test", "127.0.1.2");
  dns.a("2.0.0.127.shy.test", "127.255.255.254").a("2.0.0.127.parked.test", "203.0.113.1");
  dns.fail("2.0.0.127.slow.test", dns::Type::a);
  Settings settings;
  for (const char* zone : {"bl.test", "typo.test", "shy.test", "parked.test", "slow.test"}) {
    settings.lists.push_back({.zone = zone, .answers = {}, .reply = {}});
  }
  // What its settings make of its answers is another matter.
  settings.lists[0].answers = {*IpNetwork::parse("127.0.0.9/32")};
  settings.lists.push_back({.zone = "dbl.test", .domains = true, .answers = {}, .reply = {}});
  const Complaints complaints;
  LoopExecutor loop;
  const SystemClock clock;
  block_on(loop, check_lists(dns, settings, clock));
  ASSERT_EQ(complaints.by_zone.size(), 3U);
  EXPECT_EQ(complaints.by_zone.at("typo.test"), "it has no entry for tests");
  EXPECT_NE(complaints.by_zone.at("shy.test").find("127.255.255.254"), std::string::npos);
  EXPECT_NE(complaints.by_zone.at("parked.test").find("203.0.113.1"), std::string::npos);
}

}  // namespace
}  // namespace mail::door
