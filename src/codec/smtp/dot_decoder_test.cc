#include "codec/smtp/dot_decoder.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

struct Decoded {
  std::string body;
  bool done = false;
  bool damaged = false;
  std::size_t taken = 0;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view wire, std::size_t cut, BareLf bare_lf = BareLf::reject) {
  DotDecoder decoder(bare_lf);
  Decoded out;
  out.taken = decoder.feed(wire.substr(0, cut), &out.body);
  if (!decoder.done()) out.taken += decoder.feed(wire.substr(cut), &out.body);
  out.done = decoder.done();
  out.damaged = decoder.damaged();
  if (out.damaged) out.body.clear();  // how much came before the damage is nobody's business
  return out;
}

TEST(DotDecoder, SameOutputHoweverTheInputIsSplit) {
  constexpr std::string_view wire = "a\r\n..b\r\n.\r\n";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    DotDecoder decoder;
    std::string body;
    decoder.feed(wire.substr(0, cut), &body);
    decoder.feed(wire.substr(cut), &body);
    EXPECT_EQ(body, "a\r\n.b\r\n") << "cut at " << cut;
    EXPECT_TRUE(decoder.done());
  }
}

TEST(DotDecoder, UnstuffsDotsAndFindsTheEnd) {  // RFC 5321 §4.5.2
  const std::pair<std::string_view, std::string_view> cases[] = {
      {".\r\n", ""},
      {"\r\n.\r\n", "\r\n"},
      {"a\r\n.\r\n", "a\r\n"},
      {"..\r\n.\r\n", ".\r\n"},
      {".a\r\n.\r\n", "a\r\n"},
      {"...\r\n.\r\n", "..\r\n"},
      {"a.\r\n.b.\r\n.\r\n", "a.\r\nb.\r\n"},
      {"a\r\n\r\n.\r\n", "a\r\n\r\n"},
  };
  for (const auto& [wire, body] : cases) {
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      EXPECT_EQ(decode(wire, cut), (Decoded{std::string(body), true, false, wire.size()})) << wire;
    }
  }
}

TEST(DotDecoder, LeavesWhatIsBehindTheEnd) {
  DotDecoder decoder;
  std::string body;
  EXPECT_EQ(decoder.feed("a\r\n.\r\nMAIL FROM:<>\r\n", &body), 6U);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.feed("RSET\r\n", &body), 0U);
}

// RFC 5321 §2.3.8, §4.1.1.4: none of these ends the data, all of them damage it.
constexpr std::string_view kSmuggled[] = {
    "x\n.\r\n", "x\r\n.\n",     "x\n.\n", "x\r.\r",    "x\r\n.\r", "x\n\n",   "\n",
    "\r",       "x\r\r\n",      "x\ry",   ".\n",       ".\r.",     "\n.\r\n", "x\n..\r\n",
    "\r\r\n",   "x\r\n.\r\r\n", "a\nb",   "x\r\n..\n", "\n\r\n",
};

TEST(DotDecoder, BareLineEndsDamageAndDoNotEnd) {
  for (const std::string_view form : kSmuggled) {
    const std::string wire = std::string(form) + "MAIL FROM:<a@b.c>\r\nDATA\r\n.\r\n";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      EXPECT_EQ(decode(wire, cut), (Decoded{"", true, true, wire.size()}))
          << testing::PrintToString(std::string(form)) << " cut at " << cut;
    }
  }
}

TEST(DotDecoder, NormalizesBareLfOnlyWhereToldTo) {
  constexpr std::string_view wire = "a\nb\n.\r\n.c\n.\nd\r\n..e\n\r\n.\r\n";
  // A dot behind a bare LF begins no line: it stays, and does not end the data.
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    EXPECT_EQ(decode(wire, cut, BareLf::normalize),
              (Decoded{"a\r\nb\r\n.\r\nc\r\n.\r\nd\r\n.e\r\n\r\n", true, false, wire.size()}))
        << cut;
  }
  EXPECT_TRUE(decode("a\rb\r\n.\r\n", 0, BareLf::normalize).damaged);
}

TEST(DotDecoder, IsLinearInHostileInput) {
  // Ten megabytes of each take milliseconds; scanning again from every CR would take hours.
  for (const std::string_view unit : {"\r", "\n", "\r\r\n", ".\r", "\r\n..", "a\r"}) {
    std::string wire;
    while (wire.size() < 10'000'000) wire += unit;
    DotDecoder decoder;
    std::string body;
    EXPECT_EQ(decoder.feed(wire, &body), wire.size());
  }
}

}  // namespace
}  // namespace mail::smtp
