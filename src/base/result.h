// How failure travels: Result<T> is a value or an Error; nothing throws across a function boundary.
// fate_of() is the one place that says whether a failure is worth another try.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace mail {

enum class Errc : std::uint8_t {
  bad_syntax,         // bytes from outside that do not parse
  too_large,          // over a named limit
  not_found,          // what was asked for is not there
  already_exists,     // what was to be made is there already
  not_allowed,        // the caller lacks the right
  invalid_argument,   // a value that parses but makes no sense here
  closed,             // the peer or the service is gone
  deadline_exceeded,  // the wait took longer than it may
  overloaded,         // a bounded resource is used up; later it may go
  io_error,           // the operating system said no
  storage_full,       // no space, or below the reserve
  store_corrupt,      // a record that does not decode or whose checksum is wrong
  store_unhealthy,    // a write or sync failed; the store is closed until it was checked
  store_newer,        // written by a newer version of this program
  tls_failed,         // handshake or certificate
  unavailable,        // a needed service does not answer
};

std::string_view to_string(Errc code);

// `detail` is for the log and the operator; what a mail peer reads comes from the reply catalogue.
struct [[nodiscard]] Error {
  Errc code = Errc::io_error;
  std::string detail;
};

std::string describe(const Error& error);  // "not_found: no such mailbox"

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, std::string detail) {
  return std::unexpected(Error{code, std::move(detail)});
}

enum class Fate : std::uint8_t {
  retry,   // 4xx: the same request may succeed later
  reject,  // 5xx: it never will
};
Fate fate_of(Errc code);

// A broken invariant ends the process: going on would risk mail. Always on.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace mail

#define MAIL_ASSERT(condition) \
  ((condition) ? void(0) : ::mail::assertion_failed(#condition, __FILE__, __LINE__))

// MAIL_TRY(expression);                     returns the error of a Result<void>
// MAIL_TRY(const T value, expression);      ... or unwraps the value of a Result<T>
// MAIL_CO_TRY: the same in a coroutine.
#define MAIL_CONCAT2(a, b) a##b
#define MAIL_CONCAT(a, b) MAIL_CONCAT2(a, b)
#define MAIL_PICK(a, b, name, ...) name
#define MAIL_TRY_VOID(ret, expression)                                \
  do {                                                                \
    if (auto mail_result = (expression); !mail_result) [[unlikely]] { \
      ret ::std::unexpected(::std::move(mail_result).error());        \
    }                                                                 \
  } while (false)
#define MAIL_TRY_VALUE(ret, tmp, declaration, expression) \
  auto tmp = (expression);                                \
  if (!tmp) [[unlikely]]                                  \
    ret ::std::unexpected(::std::move(tmp).error());      \
  declaration = *::std::move(tmp)
#define MAIL_TRY1(expression) MAIL_TRY_VOID(return, expression)
#define MAIL_TRY2(declaration, expression) \
  MAIL_TRY_VALUE(return, MAIL_CONCAT(mail_result_, __LINE__), declaration, expression)
#define MAIL_CO_TRY1(expression) MAIL_TRY_VOID(co_return, expression)
#define MAIL_CO_TRY2(declaration, expression) \
  MAIL_TRY_VALUE(co_return, MAIL_CONCAT(mail_result_, __LINE__), declaration, expression)
#define MAIL_TRY(...) MAIL_PICK(__VA_ARGS__, MAIL_TRY2, MAIL_TRY1, )(__VA_ARGS__)
#define MAIL_CO_TRY(...) MAIL_PICK(__VA_ARGS__, MAIL_CO_TRY2, MAIL_CO_TRY1, )(__VA_ARGS__)
