// Every value that parses prints a text that parses to the same value.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/address/address.h"
#include "codec/address/ip_address.h"
#include "codec/address/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto domain = mail::Domain::parse(text)) {
    MAIL_ASSERT(mail::Domain::parse(domain->text()) == *domain);
  }
  if (const auto mailbox = mail::Mailbox::parse(text)) {
    const std::string printed = mailbox->to_string();
    MAIL_ASSERT(mail::Mailbox::parse(printed) == *mailbox);
    MAIL_ASSERT(mail::is_utf8(printed));
    for (const char c : printed) MAIL_ASSERT(static_cast<unsigned char>(c) >= ' ' && c != 0x7F);
  }
  if (const auto path = mail::parse_path(text)) {
    MAIL_ASSERT(path->rest.size() < text.size());
    MAIL_ASSERT(text.ends_with(path->rest));
  }
  if (const auto address = mail::IpAddress::parse(text)) {
    MAIL_ASSERT(mail::IpAddress::parse(address->to_string()) == *address);
  }
  if (const auto network = mail::IpNetwork::parse(text)) {
    MAIL_ASSERT(network->contains(network->address));
  }
  return 0;
}
