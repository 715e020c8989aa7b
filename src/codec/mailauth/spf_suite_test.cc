// The suite of RFC 7208 against check_host(). No case is left out.
#include "codec/mailauth/spf_suite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <sstream>
#include <string>
#include <utility>

#include "codec/mailauth/spf.h"
#include "codec/mailauth/spf_test_driver.h"

namespace mail::spf::suite {
namespace {

Subject subject_of(const Case& test) {
  Subject subject;
  subject.client = IpAddress::parse(test.get("host")).value();
  subject.helo = test.get("helo");
  const std::string path = test.get("mailfrom");
  const std::size_t at = path.rfind('@');
  if (at != std::string::npos) {
    subject.local_part = path.substr(0, at);
    subject.domain = path.substr(at + 1);
  }
  return subject;
}

TEST(SpfSuite, EveryCaseHasTheResultThatTheSuiteWants) {
  const auto scenarios = read();
  if (!scenarios) {
    std::puts("suite not found: spf-rfc7208");
    ASSERT_FALSE(required());
    return;
  }
  std::size_t cases = 0;
  for (const Scenario& scenario : *scenarios) {
    dns::TableResolver dns;
    fill(dns, scenario);
    for (const Case& test : scenario.cases) {
      ++cases;
      SCOPED_TRACE(test.name);
      const Outcome outcome = evaluate(dns, subject_of(test));
      const Values& wanted = test.keys.at("result");
      EXPECT_NE(std::ranges::find(wanted, to_string(outcome.verdict)), wanted.end())
          << to_string(outcome.verdict) << " (" << outcome.reason << "), not " << wanted.front();
      if (!test.keys.contains("explanation") || outcome.verdict != Verdict::fail) continue;
      const std::string explanation = test.get("explanation");
      EXPECT_EQ(outcome.explanation, explanation == "DEFAULT" ? "" : explanation);
    }
  }
  EXPECT_EQ(cases, 203u);  // each one in the file
}

TEST(SpfSuite, TheReaderKnowsTheFormsThatTheSuiteUses) {
  std::istringstream file(
      "# comment\n---\ndescription: one\ntests:\n  first:\n    description: >-\n      words: more\n"
      "    host: 1.2.3.4\n    result: [fail, permerror]\nzonedata:\n  a:b.example:\n"
      "    - TXT: ['v=spf1', \" x\\x0d\"]\n    - TIMEOUT\n");
  const auto scenarios = parse(file);
  ASSERT_EQ(scenarios.size(), 1u);
  ASSERT_EQ(scenarios[0].cases.size(), 1u);
  EXPECT_EQ(scenarios[0].cases[0].name, "first");
  EXPECT_EQ(scenarios[0].cases[0].get("host"), "1.2.3.4");
  EXPECT_EQ(scenarios[0].cases[0].keys.at("result"), (Values{"fail", "permerror"}));
  ASSERT_EQ(scenarios[0].zone.size(), 2u);
  EXPECT_EQ(scenarios[0].zone[0].owner, "a:b.example");
  EXPECT_EQ(scenarios[0].zone[0].values, (Values{"v=spf1", " x\r"}));
  EXPECT_EQ(scenarios[0].zone[1].type, "TIMEOUT");
}

}  // namespace
}  // namespace mail::spf::suite
