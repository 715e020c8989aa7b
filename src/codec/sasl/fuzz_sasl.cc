// Any bytes as the responses of an exchange: nothing crashes, and what comes out was in them.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "codec/sasl/client.h"
#include "codec/sasl/sasl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::sasl;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const Mechanism mechanism : {Mechanism::plain, Mechanism::login}) {
    Exchange exchange(mechanism);
    const std::size_t half = input.size() / 2;
    auto step = exchange.start(input.substr(0, half));
    if (step && std::holds_alternative<Challenge>(*step))
      step = exchange.respond(input.substr(half));
    if (!step) continue;
    MAIL_ASSERT(std::holds_alternative<Credentials>(*step));
    const Credentials& found = std::get<Credentials>(*step);
    MAIL_ASSERT(input.find(found.user) != std::string_view::npos);
    MAIL_ASSERT(found.password.find('\0') == std::string::npos);
  }
  for (const auto& make : {plain_client, login_client, oauthbearer_client, xoauth2_client}) {
    const std::unique_ptr<ClientMechanism> client = make({"tim", "secret", false});
    MAIL_ASSERT(!client->sends_first() || client->step("").has_value());
    std::size_t said = 0;
    while (client->step(input)) ++said;
    MAIL_ASSERT(said <= 2);  // no mechanism has more to say
  }
  return 0;
}
