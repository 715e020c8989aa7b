// HTTP requests made by us, over libcurl. They block: run them on a WorkerPool. Any thread.
// https only, certificates verified, no redirects, answers bounded. Errors: unavailable (no
// connection), tls_failed, deadline_exceeded, too_large, invalid_argument (no https URL).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mail::http {

struct FormRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::filesystem::path ca_file;  // PEM; empty: the system's authorities
  Milliseconds timeout{30'000};   // for the whole of it
};

struct Response {
  long status = 0;
  std::string body;
};

inline constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;

// POST, application/x-www-form-urlencoded.
Result<Response> post_form(const FormRequest& request);

}  // namespace mail::http
