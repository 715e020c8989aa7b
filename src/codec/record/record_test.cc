#include "codec/record/record.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/text.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/mailbox.h"
#include "codec/record/notice.h"
#include "codec/record/pending.h"

namespace mail::record {
namespace {

const MessageId kId = MessageId::make(1'790'000'000'123, 7, 42);
WallTime at(std::int64_t ms) { return WallTime(Milliseconds(ms)); }

Event some_event() {
  return {kId,
          EventKind::expanded,
          at(1'790'000'000'456),
          "all@yahoo.test",
          {"jerry@yahoo.test", "kim@yahoo.test"},
          {{"alias", "all@yahoo.test"}, {"reply", "250 2.0.0 ok\r\n\x01"}}};
}
MailOptions some_options() {
  MailOptions options;
  options.body = BodyType::binary_mime;
  options.smtputf8 = true;
  options.require_tls = true;
  options.ret = Ret::headers;
  options.envid = "QQ314159";
  options.deliver_by = DeliverBy{at(1'790'000'900'000), DeliverBy::Mode::return_, true};
  options.priority = -9;
  options.hold_until = at(1'790'000'500'000);
  options.hold = "until;2026-09-21T14:15:00Z";
  return options;
}
Recipient some_recipient() {
  return {"jerry@yahoo.test",
          Notify{.said = true, .success = true, .failure = false, .delay = true},
          "rfc822;Jerry@yahoo.test"};
}
Envelope some_envelope(BodyRef body) {
  Envelope envelope;
  envelope.id = kId;
  envelope.received_at = at(1'790'000'000'123);
  envelope.reverse_path = "tom@gmail.test";
  envelope.options = some_options();
  envelope.recipients = {some_recipient(), ""};
  envelope.size = 4'096;
  envelope.header_size = 300;
  envelope.references = 2;
  envelope.body = std::move(body);
  envelope.deliveries = 3;
  envelope.told = 1;
  return envelope;
}
MailboxInfo some_mailbox() {
  return {MailboxId{3}, AccountId{9}, "INBOX", 1'790'000'000, Uid{17}, ModSeq{44}, 5, 1ULL << 40};
}
MailboxEntry some_entry() {
  return {Uid{17},
          kId,
          at(-5),
          4'200,
          kSeen | kFlagged,
          ModSeq{44},
          "jerry+list@yahoo.test",
          "Return-Path: <tom@gmail.test>\r\n",
          "Tom <tom@gmail.test>",
          "Gr\xC3\xBC\xC3\x9F"
          "e"};
}
PendingDelivery some_pending() {
  return {kId,
          at(77),
          "an operator must look",
          3,
          "tom@gmail.test",
          "X: y\r\n",
          {{some_recipient(), "451 4.7.1 greylisted", true}, {"b@b.test", "", false}}};
}
Notice some_notice() {
  return {kId,
          NoticeKind::delayed,
          at(1'790'000'000'456),
          "tom@gmail.test",
          "jerry@yahoo.test",
          "rfc822;Jerry@yahoo.test",
          "4.4.1",
          "mx.yahoo.test",
          "192.0.2.1",
          "connection refused",
          true,
          at(1'790'400'000'000)};
}

template <typename Value>
std::string written(void (*append)(std::string&, const Value&), const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

// Each kind of record, as bytes, with the parser that must notice when they are not as written.
struct Sample {
  std::string name;
  std::string bytes;
  std::function<Result<void>(std::string_view)> parse;
};
template <typename Value>
Sample sample(std::string name, void (*append)(std::string&, const Value&),
              Result<Value> (*parse)(std::string_view), const Value& value) {
  return {std::move(name), written(append, value), [parse](std::string_view bytes) -> Result<void> {
            MAIL_TRY(parse(bytes));
            return {};
          }};
}
std::vector<Sample> samples() {
  return {
      sample("event", append_event, parse_event, some_event()),
      sample("envelope", append_envelope, parse_envelope,
             some_envelope(KvBody{BodyFamily::queue, kId, 3})),
      sample("envelope inline", append_envelope, parse_envelope,
             some_envelope(InlineBody{"hi\r\n"})),
      sample("envelope in a segment", append_envelope, parse_envelope,
             some_envelope(SegmentBody{kId, 7, 1UL << 27, 70'000, 0xC0FFEE})),
      sample("mailbox", append_mailbox, parse_mailbox, some_mailbox()),
      sample("entry", append_entry, parse_entry, some_entry()),
      sample("pending", append_pending, parse_pending, some_pending()),
      sample("notice", append_notice, parse_notice, some_notice()),
  };
}

TEST(Record, EveryKindComesBackAsItWasWritten) {
  EXPECT_EQ(parse_event(written(append_event, some_event())).value(), some_event());
  for (const BodyRef& body : {BodyRef(NoBody{}), BodyRef(InlineBody{"a\r\n"}),
                              BodyRef(KvBody{BodyFamily::mail, kId, 200}),
                              BodyRef(SegmentBody{kId, 7, 1UL << 27, 70'000, 0xC0FFEE})}) {
    EXPECT_EQ(parse_envelope(written(append_envelope, some_envelope(body))).value(),
              some_envelope(body));
  }
  EXPECT_EQ(parse_mailbox(written(append_mailbox, some_mailbox())).value(), some_mailbox());
  EXPECT_EQ(parse_entry(written(append_entry, some_entry())).value(), some_entry());
  EXPECT_EQ(parse_pending(written(append_pending, some_pending())).value(), some_pending());
  EXPECT_EQ(parse_notice(written(append_notice, some_notice())).value(), some_notice());
}

TEST(Record, OptionsThatWereNotSaidComeBackAsNotSaid) {
  Envelope plain = some_envelope(NoBody{});
  plain.options = {};
  plain.recipients = {"jerry@yahoo.test"};
  EXPECT_EQ(parse_envelope(written(append_envelope, plain)).value(), plain);
  Notice notice = some_notice();
  notice.will_retry_until.reset();
  notice.by_remote = false;
  EXPECT_EQ(parse_notice(written(append_notice, notice)).value(), notice);
}

TEST(Record, TheFirstVersionOfAnEnvelopeIsStillRead) {
  std::string bytes;
  Writer writer(bytes, Type::envelope, 1);
  writer.id(kId);
  writer.time(at(5));
  writer.text("tom@gmail.test");
  writer.texts({"jerry@yahoo.test", "ann@yahoo.test"});
  writer.varint(4'096);
  writer.varint(300);
  writer.varint(2);
  writer.u8(1);  // no body
  writer.finish();
  const Envelope envelope = parse_envelope(bytes).value();
  EXPECT_EQ(envelope.recipients, (std::vector<Recipient>{"jerry@yahoo.test", "ann@yahoo.test"}));
  EXPECT_EQ(envelope.options, MailOptions{});
  EXPECT_EQ(envelope.header_size, 300U);
  EXPECT_EQ(envelope.references, 2U);
  EXPECT_GT(envelope.deliveries, 1'000U);  // above any that its draft can have had
}

TEST(Record, AnEnvelopeIsOfTheThirdVersionOnlyWhereItNamesASegment) {
  const auto version = [](const BodyRef& body) {
    return int{written(append_envelope, some_envelope(body)).at(1)};
  };
  EXPECT_EQ(version(NoBody{}), 2);
  EXPECT_EQ(version(KvBody{BodyFamily::mail, kId, 2}), 2);
  EXPECT_EQ(version(SegmentBody{kId, 7, 0, 70'000, 0xC0FFEE}), 3);
}

TEST(Record, TheFirstVersionOfAWaitingDeliveryIsStillRead) {
  std::string bytes;
  Writer writer(bytes, Type::pending, 1);
  writer.id(kId);
  writer.time(at(5));
  writer.text("look at it");
  writer.text("tom@gmail.test");
  writer.text("X: y\r\n");
  writer.texts({"a@b.test"});
  writer.finish();
  const PendingDelivery expected{
      kId, at(5), "look at it", 0, "tom@gmail.test", "X: y\r\n", {{"a@b.test", "", false}}};
  EXPECT_EQ(parse_pending(bytes).value(), expected);
}

TEST(Record, EverySingleBitFlipIsNoticed) {
  for (const Sample& sample : samples()) {
    for (std::size_t bit = 0; bit < sample.bytes.size() * 8; ++bit) {
      std::string flipped = sample.bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const Result<void> result = sample.parse(flipped);
      ASSERT_FALSE(result) << sample.name << " bit " << bit;
      EXPECT_EQ(result.error().code, Errc::store_corrupt);
    }
  }
}

TEST(Record, EveryTruncationAndEveryExcessIsNoticed) {
  for (const Sample& sample : samples()) {
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      EXPECT_FALSE(sample.parse(std::string_view(sample.bytes).substr(0, size)));
    }
    EXPECT_FALSE(sample.parse(sample.bytes + '\0'));
    EXPECT_TRUE(sample.parse(sample.bytes));
  }
}

TEST(Record, ALaterVersionIsRefusedAsNewerAndNotAsDamaged) {
  std::string bytes;
  Writer writer(bytes, Type::envelope, 4);
  writer.text("fields this program has never heard of");
  writer.finish();
  const auto envelope = parse_envelope(bytes);
  ASSERT_FALSE(envelope);
  EXPECT_EQ(envelope.error().code, Errc::store_newer);
  EXPECT_NE(envelope.error().detail.find("version 4"), std::string::npos);
}

TEST(Record, ARecordOfAnotherTypeIsDamage) {
  const auto event = parse_event(written(append_mailbox, some_mailbox()));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Errc::store_corrupt);
}

TEST(Record, ImpossibleCountsAndLengthsAskForNoMemory) {
  for (const std::uint64_t lie : {std::uint64_t{1} << 32, UINT64_MAX}) {
    std::string bytes;
    Writer writer(bytes, Type::event, 1);
    writer.id(kId);
    writer.u8(1);
    writer.time(at(1));
    writer.text("");
    writer.varint(lie);  // so many recipients
    writer.finish();
    EXPECT_FALSE(parse_event(bytes));
  }
}

TEST(Record, AVarintOfMoreThan64BitsIsRefused) {
  std::string bytes;
  Writer writer(bytes, Type::event, 1);
  for (int i = 0; i < 9; ++i) writer.u8(0xFF);
  writer.u8(0x02);
  writer.finish();
  auto reader = Reader::open(bytes, Type::event, 1);
  ASSERT_TRUE(reader);
  reader->varint();
  EXPECT_FALSE(reader->finish());
}

TEST(Record, IntegersComeBackAtTheirLimits) {
  std::string bytes;
  Writer writer(bytes, Type::event, 1);
  for (const std::uint64_t n :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, UINT64_MAX})
    writer.varint(n);
  writer.u32(UINT32_MAX);
  writer.u64(UINT64_MAX);
  writer.finish();
  Reader reader = Reader::open(bytes, Type::event, 1).value();
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_EQ(reader.varint(), 127U);
  EXPECT_EQ(reader.varint(), 128U);
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_EQ(reader.u32(), UINT32_MAX);
  EXPECT_EQ(reader.u64(), UINT64_MAX);
  EXPECT_TRUE(reader.finish());
}

TEST(Record, RecordsStandOneBehindTheOtherInAFile) {
  const std::string both =
      written(append_event, some_event()) + written(append_entry, some_entry());
  const std::uint64_t first = framed_size(both);
  EXPECT_TRUE(parse_event(std::string_view(both).substr(0, first)));
  EXPECT_TRUE(parse_entry(std::string_view(both).substr(first)));
}

}  // namespace
}  // namespace mail::record
