#include "platform/log/json_sink.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "platform/json/json.h"

namespace mail::log {
namespace {

class JsonSinkTest : public testing::Test {
 protected:
  void SetUp() override { file_ = tmpfile(); }
  void TearDown() override { fclose(file_); }

  std::vector<std::string> lines() {
    std::string text(static_cast<std::size_t>(lseek(fileno(file_), 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fileno(file_), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    std::vector<std::string> found;
    for (std::string_view line : split(text, '\n')) {
      if (!line.empty()) found.emplace_back(line);
    }
    return found;
  }

  FILE* file_ = nullptr;
  ManualClock clock_{WallTime(Milliseconds(1'795'299'348'007))};
};

TEST_F(JsonSinkTest, ALineIsOneJsonObjectInTheOrderGiven) {
  {
    JsonSink sink(fileno(file_), clock_);
    const Field fields[] = {{"id", "01H"}, {"size", 7}};
    sink.write(Level::info, "smtpd.accepted", fields);
  }
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(
      lines()[0],
      "{\"time\":\"2026-11-21T22:15:48.007Z\",\"level\":\"info\",\"event\":\"smtpd.accepted\","
      "\"id\":\"01H\",\"size\":7}");
}

TEST_F(JsonSinkTest, RemoteTextCannotForgeALine) {
  {
    JsonSink sink(fileno(file_), clock_);
    const Field fields[] = {{"helo", "x\"}\r\n{\"event\":\"forged\"}\x1b[2J%s{}"}};
    sink.write(Level::info, "smtpd.refused", fields);
  }
  ASSERT_EQ(lines().size(), 1U);
  const Result<json::Value> value = json::parse(lines()[0]);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text_or("event", ""), "smtpd.refused");
  EXPECT_EQ(value->text_or("helo", ""), "x\"}\r\n{\"event\":\"forged\"}\x1b[2J%s{}");
}

TEST_F(JsonSinkTest, AFieldIsCutAtOneKiBButNotInsideACharacter) {
  {
    JsonSink sink(fileno(file_), clock_);
    const Field fields[] = {{"text", std::string(1023, 'a') + "\xC3\xA9" + "b"}};
    sink.write(Level::info, "x", fields);
  }
  const Result<json::Value> value = json::parse(lines().at(0));
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text_or("text", ""), std::string(1023, 'a'));
}

TEST_F(JsonSinkTest, AnErrorIsOutWhenWriteReturns) {
  JsonSink sink(fileno(file_), clock_);
  sink.write(Level::info, "before", {});
  sink.write(Level::error, "now", {});
  ASSERT_EQ(lines().size(), 2U);
}

TEST_F(JsonSinkTest, LinesOfManyThreadsStayWhole) {
  {
    JsonSink sink(fileno(file_), clock_);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&sink] {
        const Field fields[] = {{"text", std::string(100, 'x')}};
        for (int i = 0; i < 2000; ++i) sink.write(Level::info, "many", fields);
      });
    }
  }
  const std::vector<std::string> found = lines();
  ASSERT_EQ(found.size(), 8000U);
  for (const std::string& line : found) ASSERT_TRUE(json::parse(line)) << line;
}

}  // namespace
}  // namespace mail::log
