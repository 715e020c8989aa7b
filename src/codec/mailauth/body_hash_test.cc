#include "codec/mailauth/body_hash.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "codec/mailauth/header_hash.h"
#include "codec/mailauth/toy_crypto.h"

namespace mail::dkim {
namespace {

using crypto::toy::kToyCrypto;

std::string digest_of(std::string_view octets) {
  const auto digest = kToyCrypto.sha256();
  digest->update(octets);
  return digest->finish();
}

void expect_canonical(Form form, std::string_view body, std::string_view wanted) {
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    BodyHashes hashes(kToyCrypto);
    hashes.want(form, std::nullopt);
    hashes.update(body.substr(0, cut));
    hashes.update("");
    hashes.update(body.substr(cut));
    hashes.finish();
    EXPECT_EQ(hashes.digest(0), digest_of(wanted)) << '"' << body << "\" cut at " << cut;
    EXPECT_EQ(hashes.length(form), wanted.size());
  }
  BodyHashes hashes(kToyCrypto);
  hashes.want(form, std::nullopt);
  for (const char c : body) hashes.update({&c, 1});
  hashes.finish();
  EXPECT_EQ(hashes.digest(0), digest_of(wanted)) << '"' << body << "\" octet by octet";
}

TEST(BodyHash, SimpleDropsOnlyEmptyLinesAtTheEnd) {
  expect_canonical(Form::simple, "", "\r\n");  // RFC 6376 §3.4.3
  expect_canonical(Form::simple, "\r\n\r\n", "\r\n");
  expect_canonical(Form::simple, "a", "a\r\n");
  expect_canonical(Form::simple, "a\r\n\r\n\r\n", "a\r\n");
  expect_canonical(Form::simple, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n");  // §3.4.5
  expect_canonical(Form::simple, "\r\n\r\na\r\n", "\r\n\r\na\r\n");
  expect_canonical(Form::simple, "a\r\n \r\n", "a\r\n \r\n");
  expect_canonical(Form::simple, "a\r\r\n\r", "a\r\r\n\r\r\n");
  expect_canonical(Form::simple, "a\n\n", "a\n\n\r\n");  // only CRLF ends a line
}

TEST(BodyHash, RelaxedDropsBlanksAtTheEndOfLinesToo) {
  expect_canonical(Form::relaxed, "", "");  // RFC 6376 §3.4.4
  expect_canonical(Form::relaxed, "\r\n\r\n", "");
  expect_canonical(Form::relaxed, " \t\r\n \r\n", "");
  expect_canonical(Form::relaxed, "a", "a\r\n");
  expect_canonical(Form::relaxed, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");  // §3.4.5
  expect_canonical(Form::relaxed, "\r\n \r\na  b\r\n", "\r\n\r\na b\r\n");
  expect_canonical(Form::relaxed, "a b\r\n\r\nc\r\n\r\n", "a b\r\n\r\nc\r\n");  // in it already
  expect_canonical(Form::relaxed, "a\tb c\r\nd \r\n\r\n", "a b c\r\nd\r\n");
  expect_canonical(Form::relaxed, "a \t", "a\r\n");
  expect_canonical(Form::relaxed, "a \r b\r", "a \r b\r\r\n");
  expect_canonical(Form::relaxed, "a\r\n \r\nb", "a\r\n\r\nb\r\n");
}

TEST(BodyHash, LongLinesAndManyEmptyOnesComeThrough) {
  const std::string line(10'000, 'x');
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "\r\n";
  for (const Form form : {Form::simple, Form::relaxed}) {
    BodyHashes hashes(kToyCrypto);
    hashes.want(form, std::nullopt);
    for (const std::string_view piece : {line.c_str(), lines.c_str(), "end", lines.c_str()}) {
      hashes.update(piece);
    }
    hashes.finish();
    EXPECT_EQ(hashes.digest(0), digest_of(line + lines + "end\r\n"));
  }
}

TEST(BodyHash, EachDistinctHashIsMadeOnce) {
  BodyHashes hashes(kToyCrypto);
  EXPECT_EQ(hashes.want(Form::relaxed, std::nullopt), 0U);
  EXPECT_EQ(hashes.want(Form::relaxed, std::nullopt), 0U);
  EXPECT_EQ(hashes.want(Form::simple, std::nullopt), 1U);
  EXPECT_EQ(hashes.want(Form::relaxed, 3), 2U);
  EXPECT_EQ(hashes.want(Form::relaxed, 3), 2U);
  EXPECT_EQ(hashes.size(), 3U);
  BodyHashes moved(std::move(hashes));
  moved.update("ab  cd\r\n");
  moved.finish();
  EXPECT_EQ(moved.digest(0), digest_of("ab cd\r\n"));
  EXPECT_EQ(moved.digest(1), digest_of("ab  cd\r\n"));
  EXPECT_EQ(moved.digest(2), digest_of("ab "));
  EXPECT_EQ(moved.length(Form::relaxed), 7U);
}

std::string relaxed(std::string_view name, std::string_view value) {
  std::string out;
  append_relaxed(out, name, value);
  return out;
}

TEST(HeaderHash, RelaxedFieldsAreOneLineOfSingleSpaces) {
  EXPECT_EQ(relaxed("A", " X"), "a:X");  // RFC 6376 §3.4.5
  EXPECT_EQ(relaxed("B", " Y\t\r\n\tZ  "), "b:Y Z");
  EXPECT_EQ(relaxed("Subject", ""), "subject:");
  EXPECT_EQ(relaxed("X", " \r\n \r\n a\r\n"), "x:a");
  EXPECT_EQ(relaxed("X", "a\rb\nc"), "x:a\rb\nc");
}

// What feed() gives for `names`, as text.
class Recorder final : public crypto::Digest {
 public:
  void update(std::string_view octets) override { text.append(octets); }
  std::string finish() override { return text; }
  std::string text;
};

TEST(HeaderHash, FieldsOfANameAreTakenFromTheLastUpwards) {
  Header header("A: 1\r\nb : 2\r\na: 3\r\nA:4\r\nSelf: x\r\n\r\n");
  constexpr std::size_t kSelf = 4;
  Recorder recorder;
  header.feed(recorder, {"a", "A", "none", "B", "b", "self", "a", "a"}, Form::relaxed, kSelf);
  EXPECT_EQ(recorder.text, "a:4\r\na:3\r\nb:2\r\na:1\r\n");
  recorder.text.clear();
  header.feed(recorder, {"b", "a"}, Form::simple, kSelf);  // counts from the end anew
  EXPECT_EQ(recorder.text, "b : 2\r\nA:4\r\n");
  EXPECT_EQ(header.count("a"), 3U);
  EXPECT_EQ(header.count("c"), 0U);
}

}  // namespace
}  // namespace mail::dkim
