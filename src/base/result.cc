#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace mail {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::bad_syntax:
      return "bad_syntax";
    case Errc::too_large:
      return "too_large";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::not_allowed:
      return "not_allowed";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::closed:
      return "closed";
    case Errc::deadline_exceeded:
      return "deadline_exceeded";
    case Errc::overloaded:
      return "overloaded";
    case Errc::io_error:
      return "io_error";
    case Errc::storage_full:
      return "storage_full";
    case Errc::store_corrupt:
      return "store_corrupt";
    case Errc::store_unhealthy:
      return "store_unhealthy";
    case Errc::store_newer:
      return "store_newer";
    case Errc::tls_failed:
      return "tls_failed";
    case Errc::unavailable:
      return "unavailable";
  }
  return "unknown";
}

std::string describe(const Error& error) {
  std::string text(to_string(error.code));
  if (!error.detail.empty()) text.append(": ").append(error.detail);
  return text;
}

Fate fate_of(Errc code) {
  switch (code) {
    case Errc::bad_syntax:
    case Errc::too_large:
    case Errc::not_found:
    case Errc::already_exists:
    case Errc::not_allowed:
    case Errc::invalid_argument:
      return Fate::reject;
    case Errc::closed:
    case Errc::deadline_exceeded:
    case Errc::overloaded:
    case Errc::io_error:
    case Errc::storage_full:
    case Errc::store_corrupt:
    case Errc::store_unhealthy:
    case Errc::store_newer:
    case Errc::tls_failed:
    case Errc::unavailable:
      return Fate::retry;
  }
  return Fate::retry;
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "mailwright: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace mail
