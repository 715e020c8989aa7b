#include "platform/psl/psl.h"

#include <libpsl.h>

#include <string>

#include "base/result.h"

namespace mail::psl {

bool is_public_suffix(std::string_view name) {
  static const psl_ctx_t* const list = psl_latest(nullptr);  // kept for the life of the program
  MAIL_ASSERT(list != nullptr);                              // fails without memory only
  if (name.empty() || name.find('\0') != std::string_view::npos) return false;
  return psl_is_public_suffix(list, std::string(name).c_str()) == 1;
}

}  // namespace mail::psl
