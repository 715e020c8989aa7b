#include "codec/message/trace.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail::message {
namespace {

constexpr WallTime kAt{Milliseconds(1'795'299'348'123)};  // 2026-11-21T22:15:48.123Z

TEST(Dates, HaveTheFormsOfRfc5322AndIso8601) {
  std::string out;
  append_date(out, kAt);
  EXPECT_EQ(out, "Sat, 21 Nov 2026 22:15:48 +0000");
  EXPECT_EQ(iso_date(kAt), "2026-11-21T22:15:48.123Z");
  out.clear();
  append_date(out, WallTime{});
  EXPECT_EQ(out, "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(iso_date(WallTime{}), "1970-01-01T00:00:00.000Z");
}

TEST(Received, NamesClientServerProtocolIdAndTheOnlyRecipient) {
  const IpAddress client = *IpAddress::parse("192.0.2.1");
  std::string out;
  append_received(out, {.helo = "mail.gmail.test",
                        .client = &client,
                        .by = "mx.yahoo.test",
                        .protocol = "ESMTPS",
                        .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
                        .id = MessageId{},
                        .recipient = "jerry@yahoo.test",
                        .at = kAt});
  EXPECT_EQ(out,
            "Received: from mail.gmail.test ([192.0.2.1])\r\n"
            "\tby mx.yahoo.test with ESMTPS\r\n"
            "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            "\tid 0000000000000000\r\n"
            "\tfor <jerry@yahoo.test>; Sat, 21 Nov 2026 22:15:48 +0000\r\n");
}

TEST(Received, MaskedHasNeitherAddressNorName) {
  std::string out;
  append_received(out, {.helo = "toms-laptop.home.test",
                        .client = nullptr,
                        .by = "mx.yahoo.test",
                        .protocol = "ESMTPSA",
                        .tls = "",
                        .id = MessageId{},
                        .recipient = "",
                        .at = kAt});
  EXPECT_EQ(out,
            "Received: from unknown (client masked)\r\n\tby mx.yahoo.test with ESMTPSA\r\n"
            "\tid 0000000000000000; Sat, 21 Nov 2026 22:15:48 +0000\r\n");
}

TEST(TraceFields, LetNoControlCharacterOrClausePass) {
  const IpAddress client = *IpAddress::parse("::1");
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  std::string out;
  append_received(out, {.helo = all,
                        .client = &client,
                        .by = all,
                        .protocol = all,
                        .tls = all,
                        .id = MessageId{},
                        .recipient = all,
                        .at = kAt});
  append_return_path(out, all);
  append_delivered_to(out, all);
  const auto fields = parse_header_block(out);
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 3u);
  EXPECT_EQ(header_block_size(out), out.size());
  for (const HeaderField& field : *fields) {
    for (const char c : unfold(field.value)) EXPECT_TRUE(c == '\t' || (c >= ' ' && c <= '~'));
  }
  const std::string_view from = (*fields)[0].value.substr(0, (*fields)[0].value.find("\tby"));
  EXPECT_EQ(from.find(';'), std::string_view::npos);
  EXPECT_EQ(from.find('('), from.rfind('('));
}

TEST(ReturnPath, IsWrittenForTheNullPathToo) {
  std::string out;
  append_return_path(out, "");
  append_return_path(out, "tom@gmail.test");
  append_delivered_to(out, "jerry@yahoo.test");
  EXPECT_EQ(
      out,
      "Return-Path: <>\r\nReturn-Path: <tom@gmail.test>\r\nDelivered-To: jerry@yahoo.test\r\n");
}

TEST(Received, TellsAPriorityThatIsNotTheUsual) {  // RFC 6710 §7
  std::string out;
  ReceivedFacts facts;
  facts.helo = "a.test";
  facts.by = "b.test";
  facts.protocol = "ESMTPA";
  facts.priority = -3;
  append_received(out, facts);
  EXPECT_NE(out.find(" priority -3; Thu"), std::string::npos) << out;
}

TEST(Received, NamesAddressesInUtf8AndNothingThatIsNot) {  // RFC 6531 §3.7.3
  std::string out;
  append_return_path(out, "j\u00FCrgen@xn--bcher-kva.test");
  EXPECT_EQ(out, "Return-Path: <j\u00FCrgen@xn--bcher-kva.test>\r\n");
  out.clear();
  append_delivered_to(out, "j\xFC\xC2\x85\r\nX: y@a.test");
  EXPECT_EQ(out, "Delivered-To: j?????X: y@a.test\r\n");
}

}  // namespace
}  // namespace mail::message
