#include "service/signing/sender_rewriting.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace mail::signing {
namespace {

// What Debian's postsrsd 1.10 made on that day with "tops3cret" for yahoo.test.
constexpr WallTime kThatDay{Milliseconds(1'795'325'077'000)};

class SenderRewritingTest : public testing::Test {
 protected:
  std::string behind(std::string_view address) const {
    return ours_.sender_behind(Mailbox::parse(address).value()).value_or("none");
  }

  ManualClock clock_{kThatDay};
  SenderRewriting ours_{{"tops3cret"}, clock_};
};

TEST_F(SenderRewritingTest, WritesWhatPostsrsdWrites) {
  EXPECT_EQ(ours_.rewrite("Tom.Cat@gmail.test", "yahoo.test"),
            "SRS0=6KWU=JL=gmail.test=Tom.Cat@yahoo.test");
  EXPECT_EQ(ours_.rewrite("SRS0=AbCd=XY=first.test=tom@second.test", "yahoo.test"),
            "SRS1=h9Do=second.test==AbCd=XY=first.test=tom@yahoo.test");
  EXPECT_EQ(ours_.rewrite("SRS0+AbCd=XY=first.test=tom@second.test", "yahoo.test"),
            "SRS1=V8uD=second.test=+AbCd=XY=first.test=tom@yahoo.test");
  EXPECT_EQ(ours_.rewrite("SRS1=XXXX=first.test==AbCd=XY=orig.test=tom@second.test", "yahoo.test"),
            "SRS1=ih4a=first.test==AbCd=XY=orig.test=tom@yahoo.test");
}

TEST_F(SenderRewritingTest, ReadsWhatPostsrsdWrote) {
  EXPECT_EQ(behind("SRS0=6KWU=JL=gmail.test=Tom.Cat@yahoo.test"), "Tom.Cat@gmail.test");
  EXPECT_EQ(behind("SRS1=h9Do=second.test==AbCd=XY=first.test=tom@yahoo.test"),
            "SRS0=AbCd=XY=first.test=tom@second.test");
  EXPECT_EQ(behind("SRS1=V8uD=second.test=+AbCd=XY=first.test=tom@yahoo.test"),
            "SRS0+AbCd=XY=first.test=tom@second.test");
}

TEST_F(SenderRewritingTest, NobodyElsesAndNothingOld) {
  EXPECT_EQ(behind("tom@yahoo.test"), "none");
  EXPECT_EQ(behind("SRS0=6KWV=JL=gmail.test=Tom.Cat@yahoo.test"), "none");
  EXPECT_EQ(behind("SRS0=6KWU=JL=gmail.test=Victim@yahoo.test"), "none");
  clock_.advance(std::chrono::days(22));
  EXPECT_EQ(behind("SRS0=6KWU=JL=gmail.test=Tom.Cat@yahoo.test"), "none");
}

TEST_F(SenderRewritingTest, QuotesAndLongSendersSurvive) {
  for (const std::string& sender :
       {std::string("\"a b\"@gmail.test"), std::string(64, 'x') + "@gmail.test"}) {
    const std::string made = ours_.rewrite(sender, "yahoo.test").value_or("");
    EXPECT_EQ(behind(made), sender) << made;
  }
  // Where it would be no address any more, it is kept.
  const std::string longest = std::string(64, 'x') + "@" + std::string(60, 'd') + "." +
                              std::string(60, 'e') + "." + std::string(60, 'f');
  EXPECT_EQ(ours_.rewrite(longest, "yahoo.test"), std::nullopt);
}

TEST_F(SenderRewritingTest, SecretsAreReadAsPostsrsdKeepsThem) {
  std::string path = "/tmp/mail-srs-XXXXXX";
  ::close(::mkstemp(path.data()));
  const auto write = [&](std::string_view text) { std::ofstream(path) << text; };
  write("new\r\n\nold\n");
  EXPECT_EQ(read_srs_secrets(path).value(), (std::vector<std::string>{"new", "old"}));
  write("\n");
  EXPECT_EQ(read_srs_secrets(path).error().code, Errc::invalid_argument);
  write("new");
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(read_srs_secrets(path).error().code, Errc::not_allowed);
  std::filesystem::remove(path);
  EXPECT_FALSE(read_srs_secrets(path));
}

}  // namespace
}  // namespace mail::signing
