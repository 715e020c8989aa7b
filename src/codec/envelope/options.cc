#include "codec/envelope/options.h"

namespace mail {

MailOptions options_for(MailOptions options, std::string_view given, std::string_view now) {
  if (given != now) {
    options.envid.clear();
    options.ret = Ret::unsaid;
  }
  return options;
}

}  // namespace mail
