// Tag lists and key records. Every tag lies in the text, no name is there twice.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/mailauth/key_record.h"
#include "codec/mailauth/tag_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = mail::mailauth::TagList::parse(text);
  if (list) {
    std::set<std::string_view> names;
    for (const mail::mailauth::Tag& tag : list->tags()) {
      MAIL_ASSERT(names.insert(tag.name).second);
      MAIL_ASSERT(tag.raw.data() >= text.data());
      MAIL_ASSERT(tag.raw.data() + tag.raw.size() <= text.data() + text.size());
      MAIL_ASSERT(list->find(tag.name) == &tag);
    }
    MAIL_ASSERT(list->tags().size() <= mail::mailauth::kMaxTags);
  }
  const auto record = mail::dkim::parse_key_record(text);
  if (record) MAIL_ASSERT(list && list->find("p") != nullptr);
  return 0;
}
