#include "service/store/content.h"

#include "base/text.h"

namespace mail {

Task<Result<void>> append_content(MailStore& store, const record::Envelope& envelope,
                                  std::string& out) {
  for (std::uint64_t offset = 0; offset < envelope.size;) {
    MAIL_CO_TRY(const std::string chunk, co_await store.read_body(envelope.body, offset));
    if (chunk.empty()) {
      co_return fail(Errc::store_corrupt,
                     concat("the body of ", envelope.id.to_string(), " ends after ", offset, " of ",
                            envelope.size, " octets"));
    }
    out += chunk;
    offset += chunk.size();
  }
  co_return Result<void>{};
}

}  // namespace mail
