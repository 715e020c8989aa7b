// Any bytes as the peer's messages of a SCRAM exchange, and as kept keys: nothing crashes, no
// stranger gets in, and no server without the password is believed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/gsasl/scram.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail;
  using namespace mail::gsasl;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\n');
  const std::string_view first = input.substr(0, cut);
  const std::string_view second =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);

  ScramServer server([](std::string_view) {
    return ScramKeys{1, "salt", std::string(32, 's'), std::string(32, 'k')};
  });
  if (server.step(first)) {
    MAIL_ASSERT(first.contains("n="));
    MAIL_ASSERT(!server.step(second));  // nobody knows the client key
  }

  ScramClient client("user", "pencil");
  MAIL_ASSERT(client.step("").has_value());
  // Its nonce is random: the server's message has to continue it to be looked at any further.
  if (client.step(first)) MAIL_ASSERT(!client.step(second));
  MAIL_ASSERT(!client.is_complete());

  if (const auto keys = parse_scram_keys(input)) {
    MAIL_ASSERT(parse_scram_keys(to_text(*keys)) == *keys);
  }
  return 0;
}
