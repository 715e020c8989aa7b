// Suites of others: the vectors of the RFCs and the corpus of Mail::DKIM.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/mailauth_suite.h"
#include "codec/mailauth/signature.h"
#include "codec/mailauth/tag_list.h"
#include "codec/mailauth/verifier_test_driver.h"
#include "codec/message/header_block.h"
#include "platform/tls/crypto.h"
#include "platform/tls/historic_crypto_test_only.h"

namespace mail::dkim {
namespace {

using mailauth::read_suite_file;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};

// "name": "text", one a line.
dns::TableResolver read_dns_json(std::string_view json) {
  dns::TableResolver dns;
  for (const std::string_view line : split(json, '\n')) {
    const std::vector<std::string_view> parts = split(line, '"');
    if (parts.size() >= 4) dns.txt(parts[1], parts[3]);
  }
  return dns;
}

class RfcVectors : public testing::Test {
 protected:
  // Nothing: the suite is not there.
  std::optional<std::string> read(std::string_view name) {
    auto text = read_suite_file("dkim-rfc-vectors", name);
    if (!text) {
      std::puts("suite not found: dkim-rfc-vectors");
      EXPECT_FALSE(mailauth::suites_required());
    }
    return text;
  }
  void expect_pass(std::string_view name, std::size_t signatures) {
    const auto message = read(name);
    const auto json = read("dns.json");
    if (!message || !json) return;
    dns::TableResolver dns = read_dns_json(*json);
    for (const std::size_t step : {1U, 7U, 100'000U}) {
      const Outcome outcome = mailauth::verify<Verifier>(dns, *message, kNow, tls::kCrypto, step);
      ASSERT_EQ(outcome.signatures.size(), signatures);
      for (const SignatureResult& result : outcome.signatures) {
        EXPECT_EQ(result.verdict, Verdict::pass) << result.algorithm << ": " << result.reason;
      }
    }
  }
};

TEST_F(RfcVectors, BothSignaturesOfRfc8463Pass) { expect_pass("rfc8463-a3.eml", 2); }
TEST_F(RfcVectors, TheSignatureOfRfc6376Passes) { expect_pass("rfc6376-a2.eml", 1); }

std::string pem_of_seed(std::string_view seed) {
  // PKCS #8 of an Ed25519 key is its seed behind a prefix that does not change (RFC 8410 §7).
  const std::string der = concat(
      std::string_view("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16),
      seed);
  return concat("-----BEGIN PRIVATE KEY-----\n", base64_encode(der),
                "\n-----END PRIVATE KEY-----\n");
}

TEST_F(RfcVectors, TheirKeysMakeTheirSignaturesAnew) {
  const auto rsa = read("rfc8463-rsa-private.pem");
  const auto seed = read("rfc8463-ed25519-secret.b64");
  const auto old_rsa = read("rfc6376-c-private.pem");
  if (!rsa || !seed || !old_rsa) return;
  const std::string ed25519 = pem_of_seed(base64_decode(trim(split(*seed, '\n')[0])).value());
  std::size_t made = 0;
  for (const std::string_view name : {"rfc8463-a3.eml", "rfc6376-a2.eml"}) {
    const std::string message = read(name).value_or("");
    Header header(std::string_view(message).substr(0, message::header_block_size(message)));
    for (std::size_t i = 0; i < header.fields().size(); ++i) {
      if (header.fields()[i].name != "DKIM-Signature") continue;
      const auto tags = mailauth::TagList::parse(header.fields()[i].value).value();
      Signature signature;
      read_signature(tags, SignatureField::dkim, kNow, tls::kCrypto, signature);
      const bool old = signature.domain == "example.com";
      const bool is_rsa = signature.kind == crypto::KeyKind::rsa;
      const auto key = tls::kCrypto.read_private_key(old ? *old_rsa : is_rsa ? *rsa : ed25519);
      ASSERT_TRUE(key) << key.error().detail;
      const std::string digest = header_digest(signature, header, i, tls::kCrypto);
      EXPECT_EQ((*key)->sign(digest).value(), signature.octets) << name;
      ++made;
    }
  }
  EXPECT_EQ(made, 3U);
}

// The corpus of Mail::DKIM.
struct MailDkim {
  std::map<std::string, std::string> wanted;  // by file
  dns::TableResolver dns;
};

std::optional<MailDkim> read_corpus() {
  const auto table = read_suite_file("dkim-maildkim", "expected.tsv");
  const auto zone = read_suite_file("dkim-maildkim", "FAKE_DNS.dat");
  if (!table || !zone) {
    std::puts("suite not found: dkim-maildkim");
    EXPECT_FALSE(mailauth::suites_required());
    return std::nullopt;
  }
  MailDkim corpus;
  for (const std::string_view line : split(*table, '\n')) {
    const std::vector<std::string_view> cells = split(line, '\t');
    if (cells.size() >= 2 && cells[0] != "file") corpus.wanted.emplace(cells[0], cells[1]);
  }
  for (const std::string_view line : split(*zone, '\n')) {
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    const std::size_t blank = line.find_first_of(" \t");
    const std::string_view name = line.substr(0, blank);
    const std::string_view text = trim(line.substr(blank));
    if (text.starts_with("~~")) {
      corpus.dns.fail(name, dns::Type::txt, text);
    } else if (text != "NXDOMAIN") {
      corpus.dns.txt(name, text == "\"\"" ? "" : text);
    }
  }
  return corpus;
}

// As the suite counts: the best of all signatures.
std::string best(const Outcome& outcome) {
  std::string best = "none";
  for (const SignatureResult& result : outcome.signatures) {
    if (result.verdict == Verdict::pass) return "pass";
    if (result.verdict == Verdict::fail) best = "fail";
    if (best == "none") best = "invalid";
  }
  return best;
}

std::string judge(MailDkim& corpus, const std::string& file, const crypto::Crypto& crypto) {
  const auto message = read_suite_file("dkim-maildkim", concat("corpus/", file));
  if (!message) return "missing";
  const Outcome outcome = mailauth::verify<Verifier>(corpus.dns, *message, kNow, crypto, 1000);
  return best(outcome);
}

// Where we differ, and why.
constexpr std::string_view kDomainKeys = "none: DomainKeys (RFC 4870) is no DKIM";
constexpr std::string_view kNoBodyHash =
    "invalid: the first draft had no bh=, which RFC 6376 requires";
constexpr std::string_view kNoG = "pass: RFC 6376 has no g= any more";
const std::map<std::string_view, std::string_view> kDifferences = {
    {"good_dk_gmail.txt", kDomainKeys},
    {"good_dk_yahoo.txt", kDomainKeys},
    {"good_dk_1.txt", kDomainKeys},
    {"good_dk_2.txt", kDomainKeys},
    {"good_dk_3.txt", kDomainKeys},
    {"good_dk_4.txt", kDomainKeys},
    {"good_dk_5.txt", kDomainKeys},
    {"good_dk_6.txt", kDomainKeys},
    {"good_dk_7.txt", kDomainKeys},
    {"bad_dk_1.txt", kDomainKeys},
    {"bad_dk_2.txt", kDomainKeys},
    {"bad_dk_3.txt", kDomainKeys},
    {"bad_dk_4.txt", kDomainKeys},
    {"bad_dk_5.txt", kDomainKeys},
    {"dk_headers_1.txt", kDomainKeys},
    {"dk_headers_2.txt", kDomainKeys},
    {"dk_multiple_1.txt", kDomainKeys},
    {"good_ietf00_1.txt", kNoBodyHash},
    {"good_ietf00_2.txt", kNoBodyHash},
    {"good_ietf00_3.txt", kNoBodyHash},
    {"good_ietf00_4.txt", kNoBodyHash},
    {"good_ietf00_5.txt", kNoBodyHash},
    {"badkey_8.txt", kNoG},
    {"badkey_9.txt", kNoG},
    {"badkey_12.txt", kNoG},
    {"badkey_13.txt", kNoG},
};

TEST(MailDkim, EveryMessageHasTheResultThatTheSuiteWantsButForTheDifferences) {
  auto corpus = read_corpus();
  if (!corpus) return;
  const crypto::Crypto crypto = tls::historic::crypto();
  for (const auto& [file, wanted] : corpus->wanted) {
    const auto difference = kDifferences.find(file);
    const std::string_view ours = difference == kDifferences.end()
                                      ? std::string_view(wanted)
                                      : difference->second.substr(0, difference->second.find(':'));
    EXPECT_EQ(judge(*corpus, file, crypto), ours) << file;
  }
  EXPECT_EQ(corpus->wanted.size(), 79U);
}

// RFC 8301 §3: all the others are of rsa-sha1, or of drafts.
TEST(MailDkim, WithoutSha1NothingPassesThatShallNotAndLittleThatShall) {
  auto corpus = read_corpus();
  if (!corpus) return;
  std::vector<std::string> passed;
  for (const auto& [file, wanted] : corpus->wanted) {
    if (judge(*corpus, file, tls::kCrypto) == "pass") passed.push_back(file);
  }
  EXPECT_EQ(passed, (std::vector<std::string>{"goodkey_ed25519.txt"}));
}

}  // namespace
}  // namespace mail::dkim
