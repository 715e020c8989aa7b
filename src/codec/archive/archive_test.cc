#include "codec/archive/archive.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace mail::archive {
namespace {

const WallTime kThen{Milliseconds(1'790'000'000'123)};
const MessageId kFirst = MessageId::make(1'790'000'000'000, 0, 1);
const MessageId kSecond = MessageId::make(1'790'000'000'000, 0, 2);

Message message_of(MessageId id, std::uint64_t size) {
  Message message;
  message.envelope.id = id;
  message.envelope.received_at = kThen;
  message.envelope.reverse_path = "tom@gmail.test";
  message.envelope.options.envid = "QQ314159";
  message.envelope.options.ret = Ret::full;
  message.envelope.recipients = {{"bob@x.test", {true, true, true, false}, "rfc822;b@x.test"}};
  message.envelope.size = size;
  message.envelope.told = 3;
  record::PendingDelivery delivery;
  delivery.message = id;
  delivery.since = kThen;
  delivery.attempts = 7;
  delivery.reverse_path = "tom@gmail.test";
  delivery.recipients.push_back({message.envelope.recipients[0], "450 later", true});
  message.waiting.push_back({2, InQueue{"mx", "x.test", "bulk", kThen}, delivery});
  delivery.reason = "an operator looks at it";
  message.waiting.push_back({5, std::nullopt, delivery});
  record::Event event;
  event.message = id;
  event.recipients = {"bob@x.test"};
  message.events.push_back(event);
  return message;
}

std::string small_archive() {
  std::string bytes;
  Writer writer;
  writer.head(bytes, {kFirst, kThen});
  writer.message(bytes, message_of(kFirst, 5));
  writer.chunk(bytes, "hel");
  writer.chunk(bytes, "lo");
  writer.message(bytes, message_of(kSecond, 4));
  writer.chunk(bytes, "w");
  writer.withdraw(bytes);
  writer.end(bytes);
  return bytes;
}

Result<std::vector<Item>> read(std::string_view bytes, std::size_t step) {
  Reader reader;
  std::vector<Item> items;
  while (!bytes.empty()) {
    reader.feed(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
    for (;;) {
      MAIL_TRY(std::optional<Item> item, reader.next());
      if (!item) break;
      items.push_back(std::move(*item));
    }
  }
  MAIL_TRY(reader.finish());
  return items;
}

TEST(Archive, ReadsAsItWasWrittenHoweverTheFileIsCut) {
  const std::string bytes = small_archive();
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    const auto items = read(bytes, step);
    ASSERT_TRUE(items) << describe(items.error());
    ASSERT_EQ(items->size(), 8U);
    EXPECT_EQ(items->at(0), Item(Head{kFirst, kThen}));
    EXPECT_EQ(items->at(1), Item(message_of(kFirst, 5)));
    EXPECT_EQ(items->at(3), Item(Chunk{"lo"}));
    EXPECT_EQ(items->at(6), Item(Withdrawn{}));
    EXPECT_EQ(items->at(7), Item(End{1, 2, 5}));
  }
}

TEST(Archive, CutShortAnywhereItIsRefused) {
  const std::string bytes = small_archive();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read(std::string_view(bytes).substr(0, size), 4096)) << size;
  }
}

TEST(Archive, AlteredInAnyOctetItIsRefused) {
  const std::string bytes = small_archive();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string altered = bytes;
    altered[at] = static_cast<char>(altered[at] ^ 0x20);
    EXPECT_FALSE(read(altered, 4096)) << at;
  }
}

TEST(Archive, WithARecordTwiceOrLeftOutItIsRefused) {
  std::string bytes;
  Writer writer;
  writer.head(bytes, {kFirst, kThen});
  const std::size_t first = bytes.size();
  writer.message(bytes, message_of(kFirst, 0));
  const std::size_t second = bytes.size();
  writer.message(bytes, message_of(kSecond, 0));
  const std::size_t end = bytes.size();
  writer.end(bytes);
  ASSERT_TRUE(read(bytes, 4096));
  const auto part = [&](std::size_t from, std::size_t to) { return bytes.substr(from, to - from); };
  EXPECT_FALSE(read(part(0, first) + bytes.substr(second), 4096));
  EXPECT_FALSE(read(part(0, second) + bytes.substr(first), 4096));
  EXPECT_FALSE(
      read(part(0, first) + part(second, end) + part(first, second) + bytes.substr(end), 4096));
  EXPECT_FALSE(read(bytes + "x", 4096));
}

TEST(Archive, OfAnotherKindOrOfANewerVersionSaysSo) {
  const auto other = read("From MAILER-DAEMON Thu Jan  1", 4096);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().detail.find("no archive"), std::string::npos);
}

// MAIL_UPDATE_CORPUS=1 writes the seeds of the fuzz target anew.
TEST(Archive, IsASeedOfItsFuzzTarget) {
  const std::filesystem::path seed =
      std::filesystem::path(MAIL_SOURCE_DIR) / "tests/corpus/archive/small";
  if (std::getenv("MAIL_UPDATE_CORPUS") != nullptr) std::ofstream(seed) << small_archive();
  std::ifstream file(seed);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(read(bytes, 100)) << "an archive that was written once is read for ever";
}

}  // namespace
}  // namespace mail::archive
