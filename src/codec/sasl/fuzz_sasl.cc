// Any bytes as the responses of an exchange: nothing crashes, and what comes out was in them.
#include <cstddef>
#include <cstdint>

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
  return 0;
}
