#include "codec/mailauth/dkim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/signature.h"
#include "codec/mailauth/tag_list.h"
#include "codec/mailauth/toy_crypto.h"
#include "codec/mailauth/verifier_test_driver.h"
#include "codec/message/header_block.h"
#include "platform/idn/idn.h"

namespace mail::dkim {
namespace {

using crypto::KeyKind;
using crypto::toy::kToyCrypto;
using dns::Type;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};
constexpr std::string_view kHeader =
    "From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: hello\r\n"
    "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n";
constexpr std::string_view kBody = "Hello  Bob,\r\n\r\nbye\r\n";

class Dkim : public testing::Test {
 protected:
  Dkim() { publish("p=" + base64_encode("2048 one")); }

  void publish(std::string_view record) {
    dns_.erase("s1._domainkey.example.com").txt("s1._domainkey.example.com", record);
  }
  static std::string hash_of(std::string_view body) {
    BodyHasher hasher(kToyCrypto);
    hasher.update(body);
    return hasher.finish();
  }
  static SigningKey key(KeyKind kind = KeyKind::rsa, std::string_view name = "2048 one") {
    return {"example.com", "s1", crypto::toy::make_key(kind, name)};
  }
  static std::string sign_it(std::string_view header = kHeader, std::string_view body = kBody) {
    return sign(header, hash_of(body), key(), kNow, kToyCrypto).value();
  }
  // Signed as `tags` say, bh= by `signed_body` in relaxed form.
  static std::string sign_by(std::string_view tags, std::string_view header,
                             std::string_view signed_body,
                             std::string_view names = "d=example.com; s=s1") {
    const std::string field = concat("DKIM-Signature: v=1; a=rsa-sha256; ", names, "; ", tags,
                                     "; bh=", base64_encode(hash_of(signed_body)), "; b=");
    const std::string block = concat(field, "AAAA\r\n", header);
    Header fields(block);
    const auto list = mailauth::TagList::parse(fields.fields()[0].value).value();
    Signature signature;
    read_signature(list, SignatureField::dkim, kNow, kToyCrypto, signature, &idn::kFunctions);
    const std::string digest = header_digest(signature, fields, 0, kToyCrypto);
    return concat(field, base64_encode(crypto::toy::signature_of("2048 one", digest)), "\r\n");
  }
  SignatureResult judge(std::string_view message) {
    const Outcome outcome =
        mailauth::verify<Verifier>(dns_, message, kNow, kToyCrypto, 3, &idn::kFunctions);
    EXPECT_EQ(outcome.signatures.size(), 1U);
    return outcome.signatures.empty() ? SignatureResult{} : outcome.signatures.front();
  }
  // The verdict on a signature of ours in which `from` was made `to`.
  Verdict judge_with(std::string_view from, std::string_view to) {
    std::string field = sign_it();
    const std::size_t at = field.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    field.replace(at, from.size(), to);
    return judge(concat(field, kHeader, kBody)).verdict;
  }

  dns::TableResolver dns_;
};

TEST_F(Dkim, WhatWeSignPasses) {
  const SignatureResult result = judge(concat(sign_it(), kHeader, kBody));
  EXPECT_EQ(result.verdict, Verdict::pass) << result.reason;
  EXPECT_EQ(result.domain, "example.com");
  EXPECT_EQ(result.selector, "s1");
  EXPECT_EQ(result.algorithm, "rsa-sha256");
  EXPECT_EQ(result.b_prefix.size(), 8U);
  EXPECT_EQ(result.reason, "");
}

TEST_F(Dkim, Ed25519IsNamedAndPasses) {
  publish("k=ed25519; p=" + base64_encode("edkey"));
  const std::string field =
      sign(kHeader, hash_of(kBody), key(KeyKind::ed25519, "edkey"), kNow, kToyCrypto).value();
  const SignatureResult result = judge(concat(field, kHeader, kBody));
  EXPECT_EQ(result.verdict, Verdict::pass) << result.reason;
  EXPECT_EQ(result.algorithm, "ed25519-sha256");
}

TEST_F(Dkim, OurFieldIsFoldedAndHasNeitherLengthNorExpiry) {
  const std::string field = sign_it();
  EXPECT_TRUE(field.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=ex"));
  EXPECT_TRUE(field.ends_with("\r\n"));
  for (const std::string_view line : split(field, '\n')) EXPECT_LT(line.size(), 78U) << line;
  EXPECT_EQ(field.find(" l="), std::string::npos);
  EXPECT_EQ(field.find(" x="), std::string::npos);
  EXPECT_NE(field.find("t=1790000000"), std::string::npos);
}

TEST_F(Dkim, WeaknessIsRefusedWhenSigning) {
  EXPECT_FALSE(sign(kHeader, hash_of(kBody), key(KeyKind::rsa, "1023 x"), kNow, kToyCrypto));
}

TEST_F(Dkim, NoSignatureIsNoResultAndCostsNothing) {
  crypto::toy::counts = {};
  const Outcome outcome =
      mailauth::verify<Verifier>(dns_, concat(kHeader, kBody), kNow, kToyCrypto);
  EXPECT_TRUE(outcome.signatures.empty());
  EXPECT_EQ(dns_.questions(), 0U);
  EXPECT_EQ(crypto::toy::counts.digests, 0U);
}

TEST_F(Dkim, AnyChangeOfWhatIsSignedFails) {
  const std::string field = sign_it();
  const std::string message = concat(field, kHeader, kBody);
  for (const std::string_view name : {"From", "To", "Subject", "Date", "Message-ID"}) {
    std::string changed = message;
    changed.insert(changed.find(concat("\n", name, ": ")) + name.size() + 3, "x");
    EXPECT_EQ(judge(changed).verdict, Verdict::fail) << name;
  }
  EXPECT_EQ(judge(concat(message, "more\r\n")).verdict, Verdict::fail);
  EXPECT_EQ(judge(concat(message, "\r\n \r\n")).verdict, Verdict::pass);  // relaxed
}

// security.md 37, RFC 6376 §8.15.
TEST_F(Dkim, FieldsThatMatterCannotBeAddedBehindUs) {
  for (const std::string_view name :
       {"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding"}) {
    for (const bool above : {true, false}) {
      const std::string extra = concat(name, ": x@evil.example\r\n");
      const std::string field = sign_it();
      const std::string message =
          above ? concat(extra, field, kHeader, kBody) : concat(field, extra, kHeader, kBody);
      EXPECT_EQ(judge(message).verdict, Verdict::fail) << name;
    }
  }
  EXPECT_EQ(judge(concat("Received: by x\r\n", sign_it(), kHeader, kBody)).verdict, Verdict::pass);
}

TEST_F(Dkim, WhatIsPresentOfTheListFieldsIsSigned) {
  const std::string header = concat("List-Unsubscribe: <https://x.example/>\r\n", kHeader);
  const std::string field = sign_it(header);
  EXPECT_NE(field.find("list-unsubscribe"), std::string::npos);
  EXPECT_EQ(sign_it().find("list-unsubscribe"), std::string::npos);
}

TEST_F(Dkim, BrokenTagsAreNeutral) {
  EXPECT_EQ(judge_with("v=1", "v=2"), Verdict::neutral);
  EXPECT_EQ(judge_with("a=rsa-sha256", "a=rsa-md5"), Verdict::neutral);
  EXPECT_EQ(judge_with("c=relaxed/relaxed", "c=future"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "t=x"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "t=1; t=2"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "q=http"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "l=x"), Verdict::neutral);
  EXPECT_EQ(judge_with("bh=", "bh=*"), Verdict::neutral);
  EXPECT_EQ(judge_with(" s=s1;", ""), Verdict::neutral);
  EXPECT_EQ(dns_.questions(), 0U);
}

// security.md 37: before any query.
TEST_F(Dkim, NamesThatAreNoneAreNeverAskedFor) {
  for (const std::string_view domain :
       {"com", "\"example.com\"", "exa mple.com", "example.com.", ".example.com", "example..com",
        "example\\046com", "a@example.com", "example.com/x", "-", "", "ex\xc3mple.com",
        "b\xc3\xbc.example\xe3\x80\x82", "b\xc3\xbc", "b\xc3\xbc b.example",
        "b\xc3\xbc_.example"}) {
    EXPECT_EQ(judge_with("d=example.com", concat("d=", domain)), Verdict::neutral) << domain;
  }
  EXPECT_EQ(judge_with("d=example.com", concat("d=example.com", std::string(1, '\0'))),
            Verdict::neutral);
  EXPECT_EQ(judge_with("s=s1", "s=s 1"), Verdict::neutral);
  EXPECT_EQ(judge_with("s=s1", "s=" + std::string(250, 'a')), Verdict::neutral);
  EXPECT_EQ(dns_.questions(), 0U);
}

// RFC 8616 §5: looked up in A-labels, hashed as they stand; U-labels and A-labels are one name.
TEST_F(Dkim, NamesInULabelsAreLookedUpInALabels) {
  dns_.txt("xn--schlssel-95a._domainkey.xn--bcher-kva.example", "p=" + base64_encode("2048 one"));
  const std::string_view names =
      "d=B\u00FCcher.example; s=schl\u00FCssel; i=J\u00F6rg@post.xn--bcher-kva.Example";
  const std::string field = sign_by("c=relaxed/simple; h=from", kHeader, "one\r\n", names);
  const SignatureResult result = judge(concat(field, kHeader, "one\r\n"));
  EXPECT_EQ(result.verdict, Verdict::pass) << result.reason;
  EXPECT_EQ(result.domain, "xn--bcher-kva.example");
  EXPECT_EQ(result.selector, "xn--schlssel-95a");
  EXPECT_EQ(result.identity, "J\u00F6rg@post.xn--bcher-kva.Example");
  std::string other = field;  // the same names, but not what was signed
  other.replace(other.find("d=B"), 3, "d=b");
  EXPECT_EQ(judge(concat(other, kHeader, "one\r\n")).verdict, Verdict::fail);
  other = field;
  other.replace(other.find("post.xn--bcher-kva"), 18, "post.k\u00E4se");
  EXPECT_EQ(judge(concat(other, kHeader, "one\r\n")).verdict, Verdict::neutral);
  // A reader who knows no U-labels takes them for no names.
  const std::size_t asked = dns_.questions();
  const Outcome ascii =
      mailauth::verify<Verifier>(dns_, concat(field, kHeader, "one\r\n"), kNow, kToyCrypto);
  EXPECT_EQ(ascii.signatures.at(0).verdict, Verdict::neutral);
  EXPECT_EQ(dns_.questions(), asked);
}

TEST_F(Dkim, TheFromFieldMustBeSigned) {
  EXPECT_EQ(judge_with("h=from:from:", "h="), Verdict::permerror);
  EXPECT_EQ(dns_.questions(), 0U);
}

TEST_F(Dkim, TimeIsKept) {
  EXPECT_EQ(judge_with("t=1790000000", "t=1790000301"), Verdict::neutral);    // the future
  EXPECT_EQ(judge_with("t=1790000000", "x=1789999999"), Verdict::permerror);  // over
  EXPECT_EQ(judge_with("t=1790000000", "t=5; x=5"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "x=1790000000"), Verdict::fail);  // valid, but not signed so
  EXPECT_EQ(judge_with("t=1790000000", "x=99999999999999999999999"), Verdict::fail);
}

TEST_F(Dkim, IdentitiesLieAtOrBelowTheDomain) {
  EXPECT_EQ(judge_with("t=1790000000", "i=@example.net"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "i=@badexample.com"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "i=ann"), Verdict::neutral);
  EXPECT_EQ(judge_with("t=1790000000", "i=a=40@sub.Example.com"), Verdict::fail);  // good, unsigned
  publish("t=s; p=" + base64_encode("2048 one"));
  EXPECT_EQ(judge_with("t=1790000000", "i=@sub.example.com"), Verdict::permerror);
  EXPECT_EQ(judge_with("t=1790000000", "i=@example.com"), Verdict::fail);
}

// RFC 8301 §3.
TEST_F(Dkim, RetiredAlgorithmsAndWeakKeysNeverPass) {
  EXPECT_EQ(judge_with("a=rsa-sha256", "a=rsa-sha1"), Verdict::permerror);
  EXPECT_EQ(dns_.questions(), 0U);
  publish("p=" + base64_encode("1023 one"));
  EXPECT_EQ(judge(concat(sign_it(), kHeader, kBody)).verdict, Verdict::policy);
}

TEST_F(Dkim, KeysThatAreNoGoodArePermerrors) {
  const std::string message = concat(sign_it(), kHeader, kBody);
  for (const std::string_view record :
       {"p=", "v=spf1 -all", "k=ed25519; p=MjA0OCBvbmU=", "h=sha1; p=MjA0OCBvbmU=", "p=YnJva2Vu",
        "s=chat; p=MjA0OCBvbmU=", ""}) {
    publish(record);
    EXPECT_EQ(judge(message).verdict, Verdict::permerror) << record;
  }
  dns_.erase("s1._domainkey.example.com");
  EXPECT_EQ(judge(message).verdict, Verdict::permerror);
  dns_.fail("s1._domainkey.example.com", Type::txt);
  EXPECT_EQ(judge(message).verdict, Verdict::temperror);
}

// A name may have any number of records, of any size.
TEST_F(Dkim, OfManyKeysAtOneNameFourAreTried) {
  const std::string message = concat(sign_it(), kHeader, kBody);
  dns_.erase("s1._domainkey.example.com");
  for (int i = 0; i < 1000; ++i) {
    dns_.txt("s1._domainkey.example.com", "p=" + base64_encode(concat("2048 other", i)));
  }
  crypto::toy::counts = {};
  EXPECT_EQ(judge(message).verdict, Verdict::fail);
  EXPECT_EQ(crypto::toy::counts.verified, 4U);
  crypto::toy::counts = {};
  std::string tags;
  for (int i = 0; i < 5000; ++i) append(tags, 't', i, "=x;");
  for (const std::string& record :
       {"p=" + std::string(60'000, 'A') + "*", tags + "p=MjA0OCBvbmU=", std::string(60'000, ';'),
        "p=" + base64_encode("broken" + std::string(40'000, 'x'))}) {
    publish(record);
    EXPECT_EQ(judge(message).verdict, Verdict::permerror) << record.substr(0, 20);
  }
  EXPECT_EQ(crypto::toy::counts.verified, 0U);
}

TEST_F(Dkim, OneGoodRecordAmongSeveralIsEnough) {
  const std::string message = concat(sign_it(), kHeader, kBody);
  dns_.erase("s1._domainkey.example.com")
      .txt("s1._domainkey.example.com", "v=spf1 -all")
      .txt("s1._domainkey.example.com", "p=" + base64_encode("2048 other"))
      .txt("s1._domainkey.example.com", "t=y; p=" + base64_encode("2048 one"));
  const SignatureResult result = judge(message);
  EXPECT_EQ(result.verdict, Verdict::pass);
  EXPECT_TRUE(result.testing);
  publish("p=" + base64_encode("2048 other"));
  EXPECT_EQ(judge(message).verdict, Verdict::fail);
}

TEST_F(Dkim, EverySignatureHasItsOwnResultAndAKeyIsAskedForOnce) {
  std::string other = sign_it();
  other.replace(other.find("d=example.com"), 13, "d=example.org");
  const Outcome outcome = mailauth::verify<Verifier>(
      dns_, concat(other, sign_it(), sign_it(), kHeader, kBody), kNow, kToyCrypto);
  ASSERT_EQ(outcome.signatures.size(), 3U);
  EXPECT_EQ(outcome.signatures[0].verdict, Verdict::permerror);
  EXPECT_EQ(outcome.signatures[1].verdict, Verdict::pass);
  EXPECT_EQ(outcome.signatures[2].verdict, Verdict::pass);
  EXPECT_EQ(dns_.questions(), 2U);
}

// security.md 37, RFC 6376 §8.2.
TEST_F(Dkim, WhatLeavesPartOfTheBodyUnsignedDoesNotPass) {
  const auto with = [&](std::string_view length, std::string_view body) {
    const std::string field =
        sign_by(concat("c=relaxed/relaxed; h=from; l=", length), kHeader, "one\r\n");
    return judge(concat(field, kHeader, body)).verdict;
  };
  EXPECT_EQ(with("5", "one\r\n"), Verdict::pass);
  EXPECT_EQ(with("5", "one\r\ntwo\r\n"), Verdict::policy);
  EXPECT_EQ(with("5", "two\r\n"), Verdict::fail);
  EXPECT_EQ(with("6", "one\r\n"), Verdict::fail);  // longer than the body
  EXPECT_EQ(with("99999999999999999999999", "one\r\n"), Verdict::fail);
  const std::string empty = sign_by("c=relaxed/relaxed; h=from; l=0", kHeader, "");
  EXPECT_EQ(judge(concat(empty, kHeader, "anything\r\n")).verdict, Verdict::policy);
}

TEST_F(Dkim, SimpleFormsSeeEveryOctet) {
  const std::string field = sign_by("c=simple/simple; h=from:subject", kHeader, "one\r\n");
  EXPECT_EQ(judge(concat(field, kHeader, "one\r\n")).verdict, Verdict::pass);
  EXPECT_EQ(judge(concat(field, kHeader, "one\r\n\r\n")).verdict, Verdict::pass);
  EXPECT_EQ(judge(concat(field, kHeader, "one \r\n")).verdict, Verdict::fail);
  std::string header(kHeader);
  header.replace(header.find("Subject: h"), 10, "Subject:  h");
  EXPECT_EQ(judge(concat(field, header, "one\r\n")).verdict, Verdict::fail);
}

TEST_F(Dkim, ASignatureNeverCoversItself) {
  // "dkim-signature" is named once more often than there are others.
  const std::string first = sign_it();
  const std::string header = concat(first, kHeader);
  const std::string field =
      sign_by("c=relaxed/relaxed; h=from:dkim-signature:dkim-signature", header, kBody);
  const Outcome outcome =
      mailauth::verify<Verifier>(dns_, concat(field, header, kBody), kNow, kToyCrypto);
  ASSERT_EQ(outcome.signatures.size(), 2U);
  EXPECT_EQ(outcome.signatures[0].verdict, Verdict::pass) << outcome.signatures[0].reason;
}

// 100 signatures, 5,000 fields: the cost is that of ten signatures, whatever comes.
TEST_F(Dkim, NobodyMakesUsWorkMoreThanTenSignaturesDo) {
  std::string header;
  for (int i = 0; i < 100; ++i) header += sign_it();
  for (int i = 0; i < 5000; ++i) append(header, "X-", i, ": y\r\n");
  header += kHeader;
  std::string body;
  while (body.size() < 1'000'000) body += kBody;
  crypto::toy::counts = {};
  const Outcome outcome = mailauth::verify<Verifier>(dns_, header + body, kNow, kToyCrypto, 4096);
  EXPECT_EQ(outcome.signatures.size(), kMaxSignatures);
  EXPECT_EQ(dns_.questions(), 1U);
  EXPECT_EQ(crypto::toy::counts.digests, kMaxSignatures + 1);  // one for the body
  EXPECT_EQ(crypto::toy::counts.verified, 0U);                 // it was changed
  EXPECT_LT(crypto::toy::counts.octets, body.size() + 10'000);
}

TEST_F(Dkim, ListsOfNamesAreWalkedOnce) {
  std::string names;
  for (int i = 0; i < 50'000; ++i) names += "from:";
  std::string field = sign_it();
  field.insert(field.find("h=") + 2, names);
  crypto::toy::counts = {};
  EXPECT_EQ(judge(concat(field, kHeader, kBody)).verdict, Verdict::fail);
  EXPECT_LT(crypto::toy::counts.octets, 2 * field.size());
}

}  // namespace
}  // namespace mail::dkim
