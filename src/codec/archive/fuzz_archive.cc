// Any octets at all are given to the reader of archives, cut in two: as they come, and as records
// with right checksums behind a right beginning. What reads must write and read again as it was.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/archive/archive.h"
#include "codec/record/record.h"

namespace {

using namespace mail::archive;  // all of it is under test here

struct Rewriter {
  Writer& writer;
  std::string& out;
  void operator()(const Head& head) { writer.head(out, head); }
  void operator()(const Message& message) { writer.message(out, message); }
  void operator()(const Chunk& chunk) { writer.chunk(out, chunk.octets); }
  void operator()(Withdrawn) { writer.withdraw(out); }
  void operator()(const End&) { writer.end(out); }
};

std::vector<Item> read_all(std::string_view bytes, std::size_t cut) {
  Reader reader;
  std::vector<Item> items;
  for (const std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.feed(part);
    for (;;) {
      auto item = reader.next();
      if (!item) return {};
      if (!*item) break;
      items.push_back(std::move(**item));
    }
  }
  if (!reader.finish()) items.clear();
  return items;
}

void try_it(std::string_view bytes, std::size_t cut) {
  const std::vector<Item> items = read_all(bytes, cut);
  if (items.empty()) return;
  Writer writer;
  std::string again;
  for (const Item& item : items) std::visit(Rewriter{writer, again}, item);
  MAIL_ASSERT(read_all(again, 0) == items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const std::size_t cut = static_cast<std::uint8_t>(bytes[0]) % size;
  try_it(bytes, cut);
  std::string framed(kMagic);
  // Payloads: a length octet (of 16 octets each), then so many octets.
  for (std::string_view rest = bytes.substr(1); !rest.empty();) {
    const std::size_t length = std::size_t{16} * (static_cast<std::uint8_t>(rest[0]) + 1);
    const std::string_view payload = rest.substr(1, length);
    mail::record::Writer writer(framed, static_cast<mail::record::Type>(32), 1);
    for (const char c : payload) writer.u8(static_cast<std::uint8_t>(c));
    writer.finish();
    rest.remove_prefix(1 + payload.size());
  }
  try_it(framed, cut);
  return 0;
}
