// What is read is written as something that is read the same again, in one field; and no field with
// our name is left.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/message/header_block.h"

namespace authres = mail::authres;

namespace {

authres::AuthenticationResults reread(const authres::AuthenticationResults& results) {
  std::string field;
  append_authentication_results(field, results);
  mail::message::HeaderScanner scanner(field);
  mail::message::HeaderField only;
  MAIL_ASSERT(scanner.next(&only) && only.whole.size() == field.size());
  const auto again = authres::parse_authentication_results(only.value);
  MAIL_ASSERT(again.has_value());
  MAIL_ASSERT(again->results.size() == results.results.size());
  return *again;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto results = authres::parse_authentication_results(text)) {
    const auto clean = reread(*results);  // cut and without controls
    MAIL_ASSERT(reread(clean) == clean);
  }
  authres::AuthenticationResults hostile;
  hostile.authserv_id = "mx.ours.test";
  hostile.results = {{"spf", "fail", text, {{"smtp", "mailfrom", text}, {"smtp", "helo", text}}}};
  const auto read = reread(hostile);
  MAIL_ASSERT(read.results[0].method == "spf" && read.results[0].result == "fail");
  MAIL_ASSERT(read.results[0].properties.size() == 2);

  std::string content = text;
  const std::size_t removed = authres::remove_forged_results(content, 0, "mx.ours.test");
  MAIL_ASSERT(content.size() + removed == text.size());
  MAIL_ASSERT(authres::remove_forged_results(content, 0, "mx.ours.test") == 0);
  return 0;
}
