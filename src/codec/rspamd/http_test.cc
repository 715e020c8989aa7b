#include "codec/rspamd/http.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::rspamd {
namespace {

TEST(RspamdRequest, CarriesTheEnvelopeInItsFields) {
  std::string out;
  append_request(out, {{"From", "tom@gmail.test"}, {"Helo", "evil\r\nIp: 127.0.0.1"}}, 5);
  EXPECT_EQ(out,
            "POST /checkv2 HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\nContent-Length: 5\r\n"
            "From: tom@gmail.test\r\nHelo: evilIp: 127.0.0.1\r\n\r\n");
}

TEST(RspamdRequest, GoesInChunksWhereItsSizeIsNotKnown) {
  std::string out;
  append_request(out, {}, std::nullopt);
  EXPECT_NE(out.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos);
  out.clear();
  append_chunk(out, std::string(26, 'x'));
  append_chunk(out, "");
  append_last_chunk(out);
  EXPECT_EQ(out, concat("1a\r\n", std::string(26, 'x'), "\r\n0\r\n\r\n"));
}

TEST(RspamdResponse, IsTheSameHoweverItIsCut) {
  constexpr std::string_view wire =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    ResponseReader reader;
    const auto first = reader.consume(wire.substr(0, cut));
    ASSERT_TRUE(first) << cut;
    EXPECT_FALSE(*first) << cut;
    EXPECT_FALSE(reader.finish().has_value()) << cut;
    const auto second = reader.consume(wire.substr(cut));
    ASSERT_TRUE(second && *second) << cut;
    EXPECT_EQ(reader.body(), "{}");
    EXPECT_TRUE(reader.finish());
  }
}

TEST(RspamdResponse, MayEndWithTheConnection) {
  ResponseReader reader;
  const auto whole = reader.consume("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n{\"a\":1}");
  ASSERT_TRUE(whole);
  EXPECT_FALSE(*whole);
  ASSERT_TRUE(reader.finish());
  EXPECT_EQ(reader.body(), "{\"a\":1}");
}

TEST(RspamdResponse, WhatIsNoneIsAnError) {
  const auto code = [](std::string_view wire) {
    ResponseReader reader;
    const auto said = reader.consume(wire);
    return said ? Errc::closed : said.error().code;
  };
  EXPECT_EQ(code("HTTP/1.1 500 Oops\r\n\r\n"), Errc::unavailable);
  EXPECT_EQ(code("SSH-2.0-OpenSSH\r\n\r\n"), Errc::bad_syntax);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            Errc::bad_syntax);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Errc::bad_syntax);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n"), Errc::bad_syntax);
  EXPECT_EQ(code(std::string(20'000, 'x')), Errc::bad_syntax);
  EXPECT_EQ(code(std::string(5'000'000, 'x')), Errc::bad_syntax);
}

}  // namespace
}  // namespace mail::rspamd
