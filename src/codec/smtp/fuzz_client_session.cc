// A client session against a server that says whatever the fuzzer likes. The first byte chooses the
// settings, the second when bytes come: as one reply for each command, or at random. What must hold
// whatever comes is asserted by ClientTalk: one Settled for each mail, an end, nothing accepted
// that the server did not take behind the final dot; and here: no bare CR or LF leaves.
#include <cstddef>
#include <cstdint>

#include "codec/smtp/client_world.h"

namespace {

using namespace mail::smtp;

class RandomServer final : public FakeServer {
 public:
  RandomServer(std::string_view input, std::uint32_t seed) : input_(input), seed_(seed) {}

  std::string greet() override { return replies(1); }
  bool hung_up() const override { return input_.empty() && (seed_ & 1) != 0; }
  std::string hear(std::string_view bytes) override {
    check(bytes);
    if (bytes == ".\r\n" || bytes.ends_with("\r\n.\r\n")) return replies(1);
    return replies(static_cast<std::size_t>(std::ranges::count(bytes, '\n')));
  }

 private:
  void check(std::string_view bytes) {
    for (const char c : bytes) {
      MAIL_ASSERT(c != '\0' && (c == '\n') == (last_ == '\r'));
      last_ = c;
    }
  }
  std::string replies(std::size_t count) {
    std::size_t size = 0;
    if (seed_ > 127) {
      seed_ = 128 + (seed_ * 1664525U + 1013904223U) % 0x7FFFFFFF;
      size = (seed_ >> 16) % 64;
    } else {
      for (; count > 0 && size < input_.size(); --count) size += reply_length(input_.substr(size));
    }
    const std::string out(input_.substr(0, size));
    input_.remove_prefix(out.size());
    return out;
  }
  static std::size_t reply_length(std::string_view text) {
    std::size_t at = 0;
    for (bool last = false; !last && at < text.size();) {
      last = text.size() <= at + 3 || text[at + 3] != '-';
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
    }
    return at;
  }

  std::string_view input_;
  std::uint32_t seed_;
  char last_ = '\0';
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ClientSettings settings;
  settings.hostname = "gmail.test";
  settings.tls = static_cast<HopTls>(data[0] & 3);
  settings.protocol = (data[0] & 4) != 0 ? HopProtocol::lmtp : HopProtocol::smtp;
  settings.login = (data[0] & 8) != 0;
  settings.login_in_clear = (data[0] & 16) != 0;
  OutgoingMail mail;
  mail.reverse_path = "tom@gmail.test";
  mail.recipients = {"jerry@yahoo.test", "not an address", "\"a b>\"@yahoo.test"};
  mail.recipients.back().original = "utf-8;j\xC3\xA9\r\n";
  mail.options.envid = "a b";
  mail.options.smtputf8 = true;
  mail.size = 100;
  mail.options.body =
      (data[0] & 32) != 0 ? mail::BodyType::eight_bit_mime : mail::BodyType::seven_bit;
  mail.at_hand = (data[1] & 4) != 0;
  RandomServer server({reinterpret_cast<const char*>(data) + 2, size - 2}, data[1]);
  ClientTalk talk(settings, server, {mail, mail, mail});
  talk.content = {"Subject: x\r", "\n\n.", "\rz"};
  if (mail.at_hand) talk.content = {"Subject: x\n\n.\rz"};
  talk.cut = (data[0] & 64) != 0 ? 7 : std::string::npos;
  talk.tls_works = (data[0] & 128) == 0;
  talk.verified = (data[1] & 2) != 0;
  talk.run();
  return 0;
}
