// The suite of ARC by its authors: validation and signing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/mailauth_suite.h"
#include "codec/mailauth/signing.h"
#include "codec/mailauth/tag_list.h"
#include "codec/mailauth/verifier_test_driver.h"
#include "codec/message/header_block.h"
#include "platform/tls/crypto.h"

namespace mail::arc {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};

struct Case {
  std::string name;
  std::map<std::string, std::string> keys;
};
struct Scenario {
  std::vector<Case> cases;
  std::map<std::string, std::string> keys;     // of the document
  std::map<std::string, std::string> records;  // TXT
};

// Not YAML at large, but the part that the suite uses: maps by indentation, plain scalars, and
// blocks, literal or folded.
class Reader {
 public:
  static std::vector<Scenario> read(std::string_view text) {
    Reader reader;
    for (std::string_view line : split(text, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      reader.take(line);
    }
    reader.end_block();
    return std::move(reader.scenarios_);
  }

 private:
  void take(std::string_view line) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const bool blank = trim(line).empty();
    if (block_ != nullptr) {
      if (blank || indent > block_indent_) {
        if (margin_ == 0 && !blank) margin_ = indent;
        lines_.emplace_back(blank ? "" : line.substr(std::min(margin_, line.size())));
        return;
      }
      end_block();
    }
    if (blank || line[indent] == '#') return;
    if (line.starts_with("---")) {
      open_ = false;
      return;
    }
    if (!open_) scenarios_.emplace_back();
    open_ = true;
    const std::size_t colon = line.find(':', indent);
    const std::string key(trim(line.substr(indent, colon - indent)));
    const std::string_view value = trim(line.substr(colon + 1));
    std::string* const target = slot(indent, key);
    if (target == nullptr) return;
    if (value.starts_with('|') || value.starts_with('>')) {
      block_ = target;
      folded_ = value.starts_with('>');
      block_indent_ = indent;
      margin_ = 0;
      return;
    }
    *target = value;
  }
  // Where the value of a key goes; nullptr: it has none, but opens a map.
  std::string* slot(std::size_t indent, const std::string& key) {
    Scenario& scenario = scenarios_.back();
    if (indent == 0) {
      section_ = key;
      return key == "tests" || key == "txt-records" ? nullptr : &scenario.keys[key];
    }
    if (section_ == "txt-records") return &scenario.records[key];
    if (indent == 2) {
      scenario.cases.push_back({key, {}});
      return nullptr;
    }
    return &scenario.cases.back().keys[key];
  }
  void end_block() {
    if (block_ == nullptr) return;
    while (!lines_.empty() && lines_.back().empty()) lines_.pop_back();
    for (const std::string& line : lines_) append(*block_, line, folded_ ? ' ' : '\n');
    lines_.clear();
    block_ = nullptr;
  }

  std::vector<Scenario> scenarios_;
  bool open_ = false;
  std::string section_;
  std::string* block_ = nullptr;
  bool folded_ = false;
  std::size_t block_indent_ = 0;
  std::size_t margin_ = 0;
  std::vector<std::string> lines_;
};

std::optional<std::vector<Scenario>> read(std::string_view name) {
  const auto text = mailauth::read_suite_file("arc-valimail", name);
  if (!text) {
    std::puts("suite not found: arc-valimail");
    EXPECT_FALSE(mailauth::suites_required());
    return std::nullopt;
  }
  return Reader::read(*text);
}

dns::TableResolver dns_of(const Scenario& scenario) {
  dns::TableResolver dns;
  for (const auto& [name, text] : scenario.records) {
    std::string value(trim(text));
    std::erase(value, '\n');
    if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
    if (!value.empty()) dns.txt(name, value);
  }
  return dns;
}

TEST(ArcSuite, EveryChainHasTheStatusThatTheSuiteWants) {
  const auto scenarios = read("arc-draft-validation-tests.yml");
  if (!scenarios) return;
  std::size_t cases = 0;
  for (const Scenario& scenario : *scenarios) {
    dns::TableResolver dns = dns_of(scenario);
    for (const Case& test : scenario.cases) {
      ++cases;
      const std::string message = mailauth::with_crlf(test.keys.at("message"));
      const Outcome outcome = mailauth::verify<Verifier>(dns, message, kNow, tls::kCrypto, 100);
      // Empty where the newest seal says cv=fail: RFC 8617 §5.2 step 2 has it fail.
      std::string wanted = to_lower(trim(test.keys.at("cv")));
      if (wanted.empty()) wanted = "fail";
      EXPECT_EQ(to_string(outcome.verdict), wanted) << test.name << ": " << outcome.reason;
    }
  }
  EXPECT_EQ(cases, 175U);
}

// The field as its tags say it, white space left out.
std::map<std::string, std::string> tags_of(std::string_view value) {
  std::map<std::string, std::string> out;
  const auto tags = mailauth::TagList::parse(value);
  EXPECT_TRUE(tags) << value;
  if (!tags) return out;
  for (const mailauth::Tag& tag : tags->tags()) {
    out[std::string(tag.name)] = mailauth::without_fws(tag.value);
  }
  return out;
}

// The results of our fields put together, as the suite wants them in the new set.
std::string results_of(const dkim::Header& header, std::string_view server) {
  std::vector<std::string> methods;
  for (const dkim::Field& field : header.fields()) {
    if (!iequals(field.name, "Authentication-Results")) continue;
    std::string value = message::unfold(field.value);
    const std::size_t semicolon = value.find(';');
    if (trim(std::string_view(value).substr(0, semicolon)) != server) continue;
    for (const std::string_view method :
         split(std::string_view(value).substr(semicolon + 1), ';')) {
      const std::string text(trim(method));
      if (!text.empty() && std::ranges::find(methods, text) == methods.end()) {
        methods.push_back(text);
      }
    }
  }
  std::string out(server);
  for (const std::string& method : methods) append(out, "; ", method);
  return out;
}

std::string packed(std::string_view value) { return mailauth::without_fws(value); }

TEST(ArcSuite, WhatWeSealIsWhatTheSuiteWantsOctetByOctet) {
  const auto scenarios = read("arc-draft-sign-tests.yml");
  if (!scenarios) return;
  std::size_t cases = 0;
  for (const Scenario& scenario : *scenarios) {
    dns::TableResolver dns = dns_of(scenario);
    const auto key = tls::kCrypto.read_private_key(scenario.keys.at("privatekey"));
    ASSERT_TRUE(key) << key.error().detail;
    const dkim::SigningKey signing{scenario.keys.at("domain"), scenario.keys.at("sel"), *key};
    for (const Case& test : scenario.cases) {
      ++cases;
      SCOPED_TRACE(test.name);
      const std::string message = mailauth::with_crlf(test.keys.at("message"));
      const std::string block = message.substr(0, message::header_block_size(message));
      const Outcome chain = mailauth::verify<Verifier>(dns, message, kNow, tls::kCrypto);
      dkim::BodyHasher hasher(tls::kCrypto);
      hasher.update(std::string_view(message).substr(block.size()));
      const WallTime at{std::chrono::seconds(parse_number(test.keys.at("t")).value_or(0))};
      const SealStyle style{split(test.keys.at("sig-headers"), ':'), false};
      const auto sealed = seal_in_style(style, block, hasher.finish(), chain,
                                        results_of(dkim::Header(block), test.keys.at("srv-id")),
                                        signing, at, tls::kCrypto);
      if (trim(test.keys.at("AS")).empty()) {
        EXPECT_FALSE(sealed);
        continue;
      }
      ASSERT_TRUE(sealed) << sealed.error().detail;
      const dkim::Header fields(*sealed);
      ASSERT_EQ(fields.fields().size(), 3U);
      EXPECT_EQ(tags_of(fields.fields()[0].value), tags_of(test.keys.at("AS")));
      EXPECT_EQ(tags_of(fields.fields()[1].value), tags_of(test.keys.at("AMS")));
      EXPECT_EQ(packed(fields.fields()[2].value), packed(test.keys.at("AAR")));
    }
  }
  EXPECT_EQ(cases, 17U);
}

}  // namespace
}  // namespace mail::arc
