#include "codec/record/record.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/text.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/mailbox.h"
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
Envelope some_envelope(BodyRef body) {
  return {kId, at(1'790'000'000'123), "tom@gmail.test", {"jerry@yahoo.test", ""}, 4'096, 300,
          2,   std::move(body)};
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
  return {kId, at(77), "an operator must look", "tom@gmail.test", "X: y\r\n", {"a@b.test"}};
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
      sample("mailbox", append_mailbox, parse_mailbox, some_mailbox()),
      sample("entry", append_entry, parse_entry, some_entry()),
      sample("pending", append_pending, parse_pending, some_pending()),
  };
}

TEST(Record, EveryKindComesBackAsItWasWritten) {
  EXPECT_EQ(parse_event(written(append_event, some_event())).value(), some_event());
  for (const BodyRef& body : {BodyRef(NoBody{}), BodyRef(InlineBody{"a\r\n"}),
                              BodyRef(KvBody{BodyFamily::mail, kId, 200})}) {
    EXPECT_EQ(parse_envelope(written(append_envelope, some_envelope(body))).value(),
              some_envelope(body));
  }
  EXPECT_EQ(parse_mailbox(written(append_mailbox, some_mailbox())).value(), some_mailbox());
  EXPECT_EQ(parse_entry(written(append_entry, some_entry())).value(), some_entry());
  EXPECT_EQ(parse_pending(written(append_pending, some_pending())).value(), some_pending());
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
  Writer writer(bytes, Type::envelope, 2);
  writer.text("fields this program has never heard of");
  writer.finish();
  const auto envelope = parse_envelope(bytes);
  ASSERT_FALSE(envelope);
  EXPECT_EQ(envelope.error().code, Errc::store_newer);
  EXPECT_NE(envelope.error().detail.find("version 2"), std::string::npos);
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
