// Fields lie end to end, every way of counting the block agrees, and taking fields out leaves none
// of that name and not one octet of the body changed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "codec/message/address_list.h"
#include "codec/message/header_block.h"

namespace message = mail::message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  const std::size_t block = message::header_block_size(content);
  MAIL_ASSERT(block <= content.size());
  const auto list = message::parse_address_list(content);
  MAIL_ASSERT(!list || list->mailboxes + list->groups <= content.size());

  const auto fields = message::parse_header_block(content);
  const auto scan = message::scan_header_block(content);
  MAIL_ASSERT(fields.has_value() == scan.has_value());
  if (!fields) return 0;
  MAIL_ASSERT(scan->size == block);
  const char* at = content.data();
  for (const message::HeaderField& field : *fields) {
    MAIL_ASSERT(field.whole.data() == at && field.name.data() == at && !field.name.empty());
    at += field.whole.size();
    const std::string flat = message::unfold(field.value);
    MAIL_ASSERT(flat.size() <= field.value.size());
  }
  MAIL_ASSERT(static_cast<std::size_t>(at - content.data()) <= block);
  const message::HeaderSummary summary = message::summarize(*fields);
  MAIL_ASSERT(summary.from == scan->summary.from && summary.from.size() <= 255);
  MAIL_ASSERT(!summary.from_valid || summary.from_fields == 1);

  if (fields->empty()) return 0;
  const std::string name(fields->front().name);
  std::string changed = content;
  const std::size_t removed = message::remove_fields(changed, 0, name);
  MAIL_ASSERT(removed > 0 && changed.size() + removed == content.size());
  MAIL_ASSERT(changed.ends_with(std::string_view(content).substr(block)));
  const auto left =
      message::parse_header_block(std::string_view(changed).substr(0, block - removed));
  MAIL_ASSERT(left.has_value());
  for (const message::HeaderField& field : *left) MAIL_ASSERT(!mail::iequals(field.name, name));
  return 0;
}
