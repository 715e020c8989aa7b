#include "codec/smtp/verdicts.h"

#include <algorithm>

#include "base/text.h"
#include "codec/smtp/passed_reply.h"

namespace mail::smtp {

PolicyWords policy_words(std::string_view enhanced, std::string_view text, std::string_view trace) {
  constexpr std::size_t kAround = 4 + 2;  // code and space before it, CRLF behind
  constexpr std::size_t kTrace = 3;       // " (" and ")"
  const std::size_t fixed = kAround + enhanced.size() + 1 + kTrace + trace.size();
  std::string said(text.substr(0, kMaxReplyLine - std::min(kMaxReplyLine, fixed)));
  std::ranges::replace_if(said, [](char c) { return c < ' ' || c > '~'; }, '?');
  return {concat(enhanced, ' ', said, " (", trace, ')')};
}

}  // namespace mail::smtp
