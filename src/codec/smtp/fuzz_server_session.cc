// A whole session at random splits. The first byte chooses the listener, the second seeds the cuts,
// the rest is what the client sends. Whatever it is: nothing is asked for after Close, replies are
// whole lines, the session ends when told to, and what is said does not depend on the cuts, but for
// input behind a command that must end its group, which only shows when it comes along with it.
#include <cstddef>
#include <cstdint>

#include "codec/smtp/session_world.h"

namespace {

using namespace mail::smtp;

void check_lines(const std::string& output) {
  std::size_t at = 0;
  while (at < output.size()) {
    const std::size_t end = output.find("\r\n", at);
    MAIL_ASSERT(end != std::string::npos && end - at >= 4 && end - at <= 510);
    const std::string_view line = std::string_view(output).substr(at, end - at);
    MAIL_ASSERT(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
    MAIL_ASSERT(!has_control(line));
    at = end + 2;
  }
}

struct Outcome {
  std::string output;
  std::string message;
  bool closed = false;
  bool operator==(const Outcome&) const = default;
};

Outcome talk(const std::shared_ptr<const SmtpListener>& listener, bool may_relay,
             std::string_view input, std::uint32_t seed) {
  World world;
  Peer peer;
  peer.may_relay = may_relay;
  Wire wire(listener, peer, world);
  wire.session().set_cram_md5(true);
  if (listener->tls == TlsMode::implicit) wire.handshake();
  wire.pump();
  while (!input.empty() && !wire.closed()) {
    std::size_t size = input.size();
    if (seed != 0) {
      seed = seed * 1664525U + 1013904223U;
      size = 1 + (seed >> 16) % 24;
    }
    wire.arrive(input.substr(0, size));
    if (wire.wants_tls()) wire.handshake();
    wire.pump();
    input.remove_prefix(std::min(size, input.size()));
  }
  check_lines(wire.output());
  Outcome outcome{wire.output(), wire.last_message(), wire.closed()};
  wire.session().disconnect();
  wire.pump();
  MAIL_ASSERT(wire.closed() && !wire.has_staged());
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  SmtpListener settings;
  settings.hostname = "mx.yahoo.test";
  settings.role = static_cast<Role>(data[0] % 3);
  settings.tls = static_cast<TlsMode>((data[0] >> 2) % 3);
  settings.insecure_auth = (data[0] & 0x10) != 0;
  settings.bare_lf = (data[0] & 0x20) != 0 ? BareLf::normalize : BareLf::reject;
  settings.max_message_size = (data[0] & 0x40) != 0 ? 64 : 1'000'000;
  settings.vrfy = settings.expn = data[1] % 2 == 1;
  settings.enhanced_status_codes = (data[1] & 4) == 0;
  settings.smtputf8 = settings.dsn = (data[1] & 8) == 0;
  settings.futurerelease = settings.deliverby = settings.mt_priority = (data[1] & 16) == 0;
  settings.chunking = settings.binarymime = (data[1] & 32) == 0;
  if ((data[1] & 64) != 0) settings.mode = Mode::end_to_end;
  const bool may_relay = (data[0] & 0x80) != 0;
  const auto listener = std::make_shared<const SmtpListener>(settings);
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = talk(listener, may_relay, input, 0);
  // Its enhanced code may be left out.
  if (whole.output.find(kInputBehind.text.substr(kInputBehind.text.find("Input"))) !=
      std::string::npos) {
    return 0;
  }
  MAIL_ASSERT(talk(listener, may_relay, input, 1U + data[1]) == whole);
  return 0;
}
