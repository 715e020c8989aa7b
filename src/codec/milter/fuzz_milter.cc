// Whatever a filter answers: no crash, the same meaning however it is cut, wishes bounded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/milter/session.h"

namespace {

using mail::milter::Session;

// Tells one message; each answer is taken from `input`, `step` octets at a time. Returns the octets
// that were told to the filter.
std::size_t converse(std::string_view input, std::size_t step, std::size_t* edits) {
  Session session;
  std::size_t told = 0;
  const auto hear = [&] {
    told += session.take_output().size();
    while (session.waits()) {
      if (input.empty()) return false;
      std::string_view piece = input.substr(0, step);
      // What stands behind the reply belongs to the next event.
      const auto packet = mail::milter::first_packet(input);
      if (packet && *packet) piece = input.substr(0, std::min(step, (*packet)->size));
      input.remove_prefix(piece.size());
      if (!session.consume(piece)) return false;
    }
    return true;
  };
  session.negotiate();
  if (!hear()) return told;
  session.connect(*mail::IpAddress::parse("192.0.2.1"), 25, {});
  if (!hear()) return told;
  session.helo("a", {});
  if (!hear()) return told;
  for (int message = 0; message < 2; ++message) {
    session.mail("<>", {});
    if (!hear()) return told;
    session.rcpt("<a@b.test>", {});
    if (!hear()) return told;
    session.data({});
    if (!hear()) return told;
    session.header("From", " a@b.test");
    if (!hear()) return told;
    session.end_of_header({});
    if (!hear()) return told;
    session.body("x\r\n");
    if (!hear()) return told;
    session.end_of_message({});
    if (!hear()) return told;
    *edits += session.take_wishes().edits.size();
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::size_t edits = 0;
  const std::size_t told = converse(input, input.size() + 1, &edits);
  MAIL_ASSERT(edits <= 2000);
  std::size_t edits_by_octet = 0;
  MAIL_ASSERT(converse(input, 1, &edits_by_octet) == told && edits_by_octet == edits);
  return 0;
}
