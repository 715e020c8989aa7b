// Our client against our server: what one says, the other takes, with every extension both have.
#include <gtest/gtest.h>

#include "codec/smtp/client_session.h"
#include "codec/smtp/client_world.h"
#include "codec/smtp/session_world.h"

namespace mail::smtp {
namespace {

using Kind = Verdict::Kind;

class OurServer final : public FakeServer {
 public:
  explicit OurServer(const SmtpListener& listener)
      : wire_(std::make_shared<const SmtpListener>(listener), {}, world_) {
    wire_.session().set_tls_available(listener.tls != TlsMode::none);
  }
  std::string greet() override {
    wire_.pump();
    return take();
  }
  std::string hear(std::string_view bytes) override {
    wire_.arrive(bytes);
    std::string out = take();
    if (wire_.wants_tls()) wire_.handshake();
    return out;
  }
  bool hung_up() const override { return wire_.closed(); }
  const std::string& message() const { return wire_.last_message(); }

 private:
  std::string take() { return std::exchange(wire_.output(), {}); }
  World world_;
  Wire wire_;
};

SmtpListener listener() {
  SmtpListener out;
  out.hostname = "mx.yahoo.test";
  out.tls = TlsMode::starttls;
  return out;
}
OutgoingMail whole() {
  OutgoingMail mail;
  mail.reverse_path = "j\u00FCrgen@gmail.test";
  mail.recipients = {"jerry@yahoo.test", "nobody@yahoo.test", "j\u00FCrgen@xn--bcher-kva.test"};
  mail.recipients[0].notify = {.said = true, .success = true, .failure = true};
  mail.recipients[0].original = "rfc822;Jerry+x=1@yahoo.test";
  mail.recipients[2].original = "utf-8;j\u00FCrgen@b\u00FCcher.test";
  mail.options.body = BodyType::eight_bit_mime;
  mail.options.smtputf8 = true;
  mail.options.require_tls = true;
  mail.options.ret = Ret::headers;
  mail.options.envid = "QQ 314+1";
  return mail;
}

TEST(ClientAndServer, AgreeOnAMessageWithEverythingHoweverItsContentGoes) {
  for (const bool chunking : {true, false}) {
    for (const bool pipelining : {true, false}) {
      for (const bool at_hand : {true, false}) {
        SmtpListener with = listener();
        with.chunking = with.binarymime = chunking;
        with.pipelining = pipelining;
        OurServer server(with);
        OutgoingMail mail = whole();
        mail.at_hand = at_hand;
        ClientSettings settings;
        settings.hostname = "gmail.test";
        ClientTalk talk(settings, server, {mail, mail});
        talk.verified = true;
        talk.content = {"Subject: h\xC3\xAF\r\n\r\n.dot\r\n..\r\n", "the end"};
        if (at_hand) talk.content = {talk.content[0] + talk.content[1]};
        talk.run();
        ASSERT_EQ(talk.settled.size(), 2U);
        for (const auto& settled : talk.settled) {
          EXPECT_EQ(settled[0].kind, Kind::accepted) << settled[0].text;
          EXPECT_EQ(settled[1].enhanced, "5.1.1") << settled[1].text;
          EXPECT_EQ(settled[2].kind, Kind::accepted) << settled[2].text;
        }
        EXPECT_TRUE(
            server.message().ends_with("Subject: h\xC3\xAF\r\n\r\n.dot\r\n..\r\nthe end\r\n"));
      }
    }
  }
}

TEST(ClientAndServer, BinaryContentArrivesAsItLeft) {
  OurServer server(listener());
  OutgoingMail mail = whole();
  mail.options.body = BodyType::binary_mime;
  ClientSettings settings;
  settings.hostname = "gmail.test";
  ClientTalk talk(settings, server, {mail});
  talk.verified = true;
  const std::string content("Subject: x\r\n\r\n\0\n\r.\r\n.\r", 22);
  talk.content = {content.substr(0, 16), content.substr(16)};
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::accepted) << talk.settled.at(0).at(0).text;
  EXPECT_TRUE(server.message().ends_with(content));
}

}  // namespace
}  // namespace mail::smtp
