// What SPF, DKIM, ARC and DMARC cost on one message of 10 KiB with an RSA-2048 and an Ed25519
// signature, DNS being answered at once; and what signing it costs. Microseconds of CPU, one
// thread. Usage: bench_mailauth [ROUNDS]               a table
//        valgrind --tool=callgrind --toggle-collect='*repeat*' bench_mailauth PART ROUNDS
//                                              instructions of judge, verify, sign, key, ... alone
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/crypto.h"
#include "base/result.h"
#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/dmarc.h"
#include "codec/mailauth/spf.h"
#include "platform/psl/psl.h"
#include "platform/tls/crypto.h"

namespace {

using namespace mail;
using crypto::KeyKind;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};

dkim::SigningKey make_key(KeyKind kind, std::string selector) {
  const std::string pem = tls::generate_key(kind, 2048).value();
  return {"example.com", std::move(selector), tls::kCrypto.read_private_key(pem).value()};
}

struct World {
  dkim::SigningKey rsa = make_key(KeyKind::rsa, "r");
  dkim::SigningKey ed25519 = make_key(KeyKind::ed25519, "e");
  std::string header;  // unsigned
  std::string body;
  std::string signed_header;
  std::map<std::string, dns::Answer, std::less<>> answers;

  World() {
    for (int hop = 0; hop < 3; ++hop) {
      append(header, "Received: from hop", hop,
             ".example.com (hop.example.com [192.0.2.1])\r\n\tby mx", hop,
             ".example.net with ESMTPS id 01J8XKQ5TZ", hop,
             "\r\n\tfor <bob@example.net>; Mon, 21 Sep 2026 14:13:20 +0000\r\n");
    }
    header +=
        "From: Ann Example <ann@example.com>\r\nTo: Bob <bob@example.net>\r\n"
        "Subject: the figures of last week\r\nDate: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
        "Message-ID: <20260921141320.1@example.com>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    while (header.size() + body.size() < 10'240) {
      body += "Some words of the usual length in lines as people and programs write them,\r\n";
    }
    signed_header = sign(ed25519) + sign(rsa) + header;
    add("r._domainkey.example.com", "v=DKIM1; k=rsa; p=" + base64_encode(rsa.key->public_octets()));
    add("e._domainkey.example.com",
        "v=DKIM1; k=ed25519; p=" + base64_encode(ed25519.key->public_octets()));
    add("example.com", "v=spf1 ip4:198.51.100.0/24 include:_spf.example.com -all");
    add("_spf.example.com", "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 ip4:192.0.2.0/24 ~all");
    add("_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:dmarc@example.com");
  }

  void add(std::string name, std::string_view text) {
    dns::Answer answer;
    answer.kind = dns::Answer::Kind::found;
    answer.records = {dns::encode_txt(text)};
    answers.emplace(std::move(name), std::move(answer));
  }
  std::string sign(const dkim::SigningKey& key) const { return sign_with(key, body_hash()); }
  // As mail leaves: the body is hashed once.
  std::string sign_both() const {
    const std::string hash = body_hash();
    return sign_with(rsa, hash) + sign_with(ed25519, hash);
  }
  std::string body_hash() const {
    dkim::BodyHasher hasher(tls::kCrypto);
    hasher.update(body);
    return hasher.finish();
  }
  std::string sign_with(const dkim::SigningKey& key, std::string_view hash) const {
    return dkim::sign(header, hash, key, kNow, tls::kCrypto).value();
  }
  template <typename Evaluator>
  void answer_all(Evaluator& evaluator) const {
    while (!evaluator.questions().empty()) {
      std::vector<dns::Answer> found;
      for (const auto& question : evaluator.questions()) {
        const auto known = answers.find(question.name);
        MAIL_ASSERT(known != answers.end());
        found.push_back(known->second);
      }
      evaluator.answer(std::move(found));
    }
  }
};

void judge(const World& world) {
  spf::Evaluator spf({IpAddress::parse("192.0.2.77").value(), "mail.example.com", "ann",
                      "example.com", "mx.example.net", kNow});
  world.answer_all(spf);
  dkim::Verifier dkim(world.signed_header, kNow, tls::kCrypto);
  arc::Verifier arc(world.signed_header, kNow, tls::kCrypto);
  world.answer_all(dkim);
  for (std::string_view rest = world.body; !rest.empty();) {  // as it comes from a socket
    const std::string_view piece = rest.substr(0, 4096);
    dkim.body(piece);
    arc.body(piece);
    rest.remove_prefix(piece.size());
  }
  dkim.end();
  arc.end();
  dmarc::Subject subject;
  subject.author_domain = "example.com";
  subject.is_public_suffix = &psl::is_public_suffix;
  if (spf.outcome().verdict == spf::Verdict::pass) subject.spf_domain = spf.outcome().domain;
  authres::AuthenticationResults results{"mx.example.net", {}};
  results.results.push_back({"spf", std::string(to_string(spf.outcome().verdict))});
  for (const dkim::SignatureResult& result : dkim.outcome().signatures) {
    MAIL_ASSERT(result.verdict == dkim::Verdict::pass);
    subject.dkim_domains.push_back(result.domain);
    results.results.push_back({"dkim", "pass", "", {{"header", "d", result.domain}}});
  }
  dmarc::Evaluator dmarc(std::move(subject));
  world.answer_all(dmarc);
  MAIL_ASSERT(dmarc.outcome().verdict == dmarc::Verdict::pass);
  results.results.push_back({"dmarc", "pass", "", {{"header", "from", "example.com"}}});
  std::string field;
  authres::append_authentication_results(field, results);
}

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// The best of five runs: what else the machine does only adds.
template <typename Work>
double microseconds(int rounds, Work work) {
  double best = 1e18;
  for (int run = 0; run < 5; ++run) {
    const double begin = cpu_now();
    for (int i = 0; i < rounds; ++i) work();
    best = std::min(best, (cpu_now() - begin) / rounds);
  }
  return best;
}

// A name of its own, by which callgrind leaves out the making of keys.
[[gnu::noinline]] void repeat(const std::function<void()>& work, int rounds) {
  for (int i = 0; i < rounds; ++i) work();
}

}  // namespace

int main(int argc, char** argv) {
  const World world;
  const std::string digest(32, 'd');
  const std::string rsa_signature = world.rsa.key->sign(digest).value();
  const std::string ed_signature = world.ed25519.key->sign(digest).value();
  const auto rsa =
      tls::kCrypto.read_public_key(KeyKind::rsa, world.rsa.key->public_octets()).value();
  const auto ed25519 =
      tls::kCrypto.read_public_key(KeyKind::ed25519, world.ed25519.key->public_octets()).value();

  const std::map<std::string_view, std::function<void()>> parts = {
      {"judge", [&] { judge(world); }},
      {"verify",
       [&] {
         MAIL_ASSERT(rsa->verify(digest, rsa_signature));
         MAIL_ASSERT(ed25519->verify(digest, ed_signature));
       }},
      {"sign", [&] { world.sign(world.rsa); }},
      {"key", [&] { MAIL_ASSERT(world.rsa.key->sign(digest)); }},
      {"sign-both", [&] { world.sign_both(); }},
      {"sign-ed25519", [&] { world.sign(world.ed25519); }},
      {"key-ed25519", [&] { MAIL_ASSERT(world.ed25519.key->sign(digest)); }},
  };
  if (argc == 3 && parts.contains(argv[1])) {
    repeat(parts.at(argv[1]), std::atoi(argv[2]));
    return 0;
  }
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
  std::map<std::string_view, double> spent;
  for (const auto& [name, work] : parts) spent[name] = microseconds(rounds, work);
  std::printf("a message of %zu octets, %d rounds, best of five; microseconds of CPU\n",
              world.signed_header.size() + world.body.size(), rounds);
  std::printf("judge (SPF, DKIM, ARC, DMARC)      %8.1f\n", spent["judge"]);
  std::printf("  its two public-key operations    %8.1f\n", spent["verify"]);
  std::printf("  all besides                      %8.1f\n", spent["judge"] - spent["verify"]);
  const auto print_signing = [](const char* what, double ours, double openssl) {
    std::printf("%-34s %8.1f\n", what, ours);
    std::printf("  OpenSSL's signing alone          %8.1f   x %.3f\n", openssl, ours / openssl);
  };
  print_signing("sign, RSA-2048", spent["sign"], spent["key"]);
  print_signing("sign, Ed25519", spent["sign-ed25519"], spent["key-ed25519"]);
  print_signing("sign, both", spent["sign-both"], spent["key"] + spent["key-ed25519"]);
  return 0;
}
