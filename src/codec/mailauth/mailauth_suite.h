// Finds the suites by others, for tests only. Their folder is MAILWRIGHT_SUITES, or
// shared/conformance beside the checkout.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace mail::mailauth {

inline std::string suite_folder(std::string_view suite) {
  const char* named = std::getenv("MAILWRIGHT_SUITES");
  return concat(named ? std::string_view(named) : MAIL_SOURCE_DIR "/../shared/conformance", '/',
                suite, '/');
}

// Nothing where the suite is not there.
inline std::optional<std::string> read_suite_file(std::string_view suite, std::string_view name) {
  std::ifstream file(concat(suite_folder(suite), name), std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline bool suites_required() {
  return std::getenv("CI") != nullptr || std::getenv("MAILWRIGHT_SUITES") != nullptr;
}

}  // namespace mail::mailauth
