#include "codec/dns/zone_file.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"

namespace mail::dns {
namespace {

using Kind = Answer::Kind;

Zone zone_of(std::string_view text) {
  auto zone = Zone::parse(text);
  EXPECT_TRUE(zone.has_value()) << zone.error().detail;
  return zone ? std::move(*zone) : Zone();
}
std::string error_of(std::string_view text) {
  const auto zone = Zone::parse(text);
  return zone ? "" : zone.error().detail;
}
std::string txt(const Zone& zone, std::string_view name) {
  const Answer answer = zone.look_up(name, Type::txt);
  if (answer.records.size() != 1) return concat(answer.records.size(), " records");
  return parse_txt(answer.records.front()).value();
}

// The example of RFC 1035 §5.3, with what mail wants beside it.
constexpr std::string_view kExample = R"($ORIGIN ISI.EDU.
$TTL 1d
@   IN  SOA     VENERA      Action\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA
        MX      20      VAXA
        TXT     "v=spf1 mx -all" ; who may send

A       A       26.3.0.103
VENERA  600 IN A       10.1.0.52
        IN 700 AAAA    2001:db8::52
_25._tcp.VENERA TLSA 3 1 1 ( 00ff
   aA 10 )
_imaps._tcp SRV 0 1 993 venera
52.0.1.10.in-addr.arpa. PTR VENERA
www     CNAME   VENERA
)";

TEST(Zone, ReadsTheExampleOfTheRfc) {
  const Zone zone = zone_of(kExample);
  EXPECT_EQ(zone.size(), 13u);
  const Answer mx = zone.look_up("isi.edu", Type::mx);
  ASSERT_EQ(mx.records.size(), 2u);
  EXPECT_EQ(parse_mx(mx.records[0]), (Mx{10, "VENERA.isi.edu"}));
  EXPECT_EQ(mx.ttl, std::chrono::hours(24));
  EXPECT_FALSE(mx.secure);
  EXPECT_EQ(txt(zone, "isi.edu."), "v=spf1 mx -all");
  const Answer a = zone.look_up("Venera.ISI.edu", Type::a);
  ASSERT_EQ(a.kind, Kind::found);
  EXPECT_EQ(a.canonical_name, "venera.isi.edu");
  EXPECT_EQ(a.ttl.count(), 600);
  EXPECT_EQ(parse_a(a.records[0])->to_string(), "10.1.0.52");
  EXPECT_EQ(parse_aaaa(zone.look_up("venera.isi.edu", Type::aaaa).records.at(0))->to_string(),
            "2001:db8::52");
  EXPECT_EQ(parse_tlsa(zone.look_up("_25._tcp.venera.isi.edu", Type::tlsa).records.at(0)),
            (Tlsa{3, 1, 1, std::string("\x00\xFF\xAA\x10", 4)}));
  EXPECT_EQ(zone.look_up("_imaps._tcp.isi.edu", Type::srv).records.at(0),
            concat(std::string_view("\0\0\0\1\3\xE1", 6), to_wire("venera.isi.edu").value()));
  EXPECT_EQ(parse_name_rdata(zone.look_up("52.0.1.10.in-addr.arpa", Type::ptr).records.at(0)),
            "VENERA.isi.edu");
  const std::string soa = zone.look_up("isi.edu", Type::soa).records.at(0);
  EXPECT_TRUE(soa.ends_with(std::string_view("\x00\x00\x00\x3C", 4)));
  EXPECT_NE(soa.find("Action.domains"), std::string::npos);  // one label
}

TEST(Zone, AnswersForNamesItLacks) {
  const Zone zone = zone_of(kExample);
  EXPECT_EQ(zone.look_up("venera.isi.edu", Type::mx).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("_tcp.venera.isi.edu", Type::a).kind, Kind::no_data);  // names below
  EXPECT_EQ(zone.look_up("edu", Type::a).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("nobody.isi.edu", Type::a).kind, Kind::no_name);
  EXPECT_EQ(zone.look_up("example", Type::a).kind, Kind::no_name);
  EXPECT_EQ(zone.look_up(std::string(64, 'x'), Type::a).kind, Kind::no_name);
  EXPECT_EQ(zone.look_up("", Type::a).kind, Kind::no_name);
}

TEST(Zone, StringsHoldAnyOctet) {
  const Zone zone = zone_of(
      "a TXT one \"two ; ( three\" \"\\\"q\\\\\\059\\000\\255\"\r\n"
      "b TXT \"\"\n"
      "c TXT a;comment\n"
      "d TXT (\"v=DKIM1; \" ; first\n \"p=abc\")\n");
  EXPECT_EQ(txt(zone, "a"), concat("onetwo ; ( three\"q\\;", std::string_view("\0\xFF", 2)));
  EXPECT_EQ(txt(zone, "b"), "");
  EXPECT_EQ(txt(zone, "c"), "a");
  EXPECT_EQ(txt(zone, "d"), "v=DKIM1; p=abc");
}

TEST(Zone, LongStringsBecomeSeveral) {
  const std::string key(400, 'k');
  const Zone zone = zone_of(concat("s TXT \"", key, "\"\n"));
  EXPECT_EQ(txt(zone, "s"), key);
  EXPECT_EQ(zone.look_up("s", Type::txt).records[0][0], '\xFF');
}

TEST(Zone, OriginOwnerAndTtlCarryOver) {
  const Zone zone = zone_of(
      "$ORIGIN example.\n"
      "@ 5 TXT one\n"
      "  TXT two\n"
      "sub TXT three\n"
      "$ORIGIN deep.sub\n"  // relative to the origin before it
      "@ TXT four\n"
      "x.y TXT five\n"
      "abs. TXT six\n"
      "dot\\. TXT seven\n"
      "$TTL 2m\n"
      "t TXT eight\n");
  EXPECT_EQ(zone.look_up("example", Type::txt).records.size(), 2u);
  EXPECT_EQ(zone.look_up("sub.example", Type::txt).ttl.count(), 5);
  EXPECT_EQ(txt(zone, "deep.sub.example"), "four");
  EXPECT_EQ(txt(zone, "x.y.deep.sub.example"), "five");
  EXPECT_EQ(txt(zone, "abs"), "six");
  EXPECT_EQ(txt(zone, "dot\\..deep.sub.example"), "seven");
  EXPECT_EQ(zone.look_up("t.deep.sub.example", Type::txt).ttl.count(), 120);
}

TEST(Zone, ARecordIsThereOnce) {
  const Zone zone = zone_of("a TXT x\na 9 TXT x\na TXT y\n");
  const Answer answer = zone.look_up("a", Type::txt);
  EXPECT_EQ(answer.records.size(), 2u);
  EXPECT_EQ(answer.ttl.count(), 9);
}

TEST(Zone, AliasesAreFollowedAndTheirLoopsFail) {
  const Zone zone = zone_of(
      "a CNAME b\nb CNAME c\nc TXT end\n"
      "x CNAME y\ny CNAME x\n"
      "self CNAME self\n"
      "away CNAME else.where\n");
  const Answer answer = zone.look_up("a", Type::txt);
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_EQ(answer.canonical_name, "c");
  EXPECT_EQ(zone.look_up("a", Type::mx).kind, Kind::no_data);
  EXPECT_EQ(parse_name_rdata(zone.look_up("a", Type::cname).records.at(0)), "b");
  EXPECT_EQ(zone.look_up("away", Type::txt).kind, Kind::no_name);
  for (const std::string_view name : {"x", "y", "self"}) {
    const Answer loop = zone.look_up(name, Type::txt);
    EXPECT_EQ(loop.kind, Kind::failed);
    EXPECT_FALSE(loop.why.empty());
  }
}

// RFC 4592 §2.2.1, where it concerns us.
TEST(Zone, WildcardsStandForNamesThatAreNotThere) {
  const Zone zone = zone_of(
      "$ORIGIN example.\n* MX 10 host\nsub.* TXT x\nhost A 192.0.2.1\n_ssh._tcp.host2 TXT y\n");
  EXPECT_EQ(zone.look_up("a.example", Type::mx).kind, Kind::found);
  EXPECT_EQ(zone.look_up("a.b.example", Type::mx).kind, Kind::found);
  EXPECT_EQ(zone.look_up("a.example", Type::a).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("host.example", Type::mx).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("_tcp.host2.example", Type::mx).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("a.host.example", Type::mx).kind, Kind::no_name);
}

TEST(Zone, TypesNobodyAsksForLeaveTheirNames) {
  const Zone zone = zone_of(
      "a CAA 0 issue \"ca.example\"\nb TYPE99 \\# 3 0261 62\n"
      "c A \\# 4 C0000201\n");
  EXPECT_EQ(zone.look_up("a", Type::a).kind, Kind::no_data);
  EXPECT_EQ(zone.look_up("b", Type{99}).records.at(0),
            "\x02"
            "ab");
  EXPECT_EQ(parse_a(zone.look_up("c", Type::a).records.at(0))->to_string(), "192.0.2.1");
}

TEST(Zone, SaysInWhichLineWhatIsWrong) {
  EXPECT_EQ(error_of("a A 192.0.2.1\n\nb A 192.0.2.300\n"),
            "line 3: A of b: \"192.0.2.300\" is no IPv4 address");
  EXPECT_EQ(error_of("a TXT ( one\n two\n"), "line 3: a '(' without end");
  EXPECT_EQ(error_of("a TXT \"one\n"), "line 1: a '\"' without end on its line");
  EXPECT_EQ(error_of("; x\na TXT )\n"), "line 2: a ')' that matches no other");
  EXPECT_EQ(error_of("  TXT x\n"),
            "line 1: the first record needs an owner at the start of its line");
  EXPECT_EQ(error_of("a SPAM x\n"), "line 1: \"SPAM\" is no type of records that is known here");
  EXPECT_EQ(error_of("a 5 IN\n"), "line 1: a record without a type");
  EXPECT_EQ(error_of("$INCLUDE x\n"),
            "line 1: \"$INCLUDE\" is not known here; $ORIGIN and $TTL are");
  EXPECT_EQ(error_of("a MX host\n"),
            "line 1: MX of a: here stands a number and a name, and nothing else");
  EXPECT_EQ(error_of("a MX 70000 host\n"), "line 1: MX of a: \"70000\" is no number of 16 bits");
  for (const std::string_view text :
       {"a AAAA 192.0.2.1", "a A 2001:db8::1",  "a..b A 192.0.2.1",  "a TXT",
        "a TXT \\9x",       "a TXT \\300",      "a TXT x\\",         "a TLSA 3 1 1 0",
        "a TLSA 3 1 1 xy",  "a TLSA 3 1",       "a CH A 1",          "$TTL",
        "$TTL x",           "$TTL 99999999999", "$ORIGIN",           "a SOA b c 1 2 3 4",
        "a SRV 1 2 3",      "a CNAME",          "a CNAME b c",       "a CNAME \\# 1 05",
        "a TYPE99 x",       "a A \\# 3 C00002", "a A \\# 4 C000020", "a TYPE0 \\# 0",
        "a DNAME b"}) {
    EXPECT_TRUE(error_of(text).starts_with("line 1: ")) << text << " " << error_of(text);
  }
  const std::string label(60, 'x');
  EXPECT_FALSE(error_of(concat("$ORIGIN ", label, '.', label, '.', label, ".\n", label, '.', label,
                               " TXT x\n"))
                   .empty());
}

TEST(ZoneResolver, AnswersAtOnce) {
  ZoneResolver resolver(zone_of(kExample));
  LoopExecutor loop;
  EXPECT_EQ(block_on(loop, resolver.ask("www.isi.edu", Type::a, MonoTime{})).canonical_name,
            "venera.isi.edu");
}

}  // namespace
}  // namespace mail::dns
