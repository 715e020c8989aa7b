#include "platform/http_client/http_client.h"

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <string_view>

#include "base/text.h"

namespace mail::http {
namespace {

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeText {
  void operator()(char* text) const { curl_free(text); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;

std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size > kMaxAnswer) return 0;  // ends the transfer
  body.append(bytes, size);
  return size;
}

std::string encode(CURL* handle, const FormRequest& request) {
  std::string out;
  for (const auto& [name, value] : request.fields) {
    const std::unique_ptr<char, FreeText> escaped(
        curl_easy_escape(handle, value.data(), static_cast<int>(value.size())));
    append(out, out.empty() ? "" : "&", name, '=', escaped ? escaped.get() : "");
  }
  return out;
}

Errc code_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Errc::invalid_argument;
    case CURLE_OPERATION_TIMEDOUT:
      return Errc::deadline_exceeded;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Errc::tls_failed;
    case CURLE_WRITE_ERROR:
      return Errc::too_large;
    default:
      return Errc::unavailable;
  }
}

}  // namespace

Result<Response> post_form(const FormRequest& request) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const Handle handle(curl_easy_init());
  if (handle == nullptr) return fail(Errc::unavailable, "libcurl does not start");
  CURL* const curl = handle.get();
  const std::string form = encode(curl, request);
  Response response;
  char why[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);  // HTTP/1.1 it is, whatever else there is
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(form.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "Mailwright");
  const std::string authorities = request.ca_file.string();
  if (!authorities.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, authorities.c_str());
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK) {
    return fail(code_of(code),
                concat(request.url, ": ", *why != '\0' ? why : curl_easy_strerror(code)));
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
  return response;
}

}  // namespace mail::http
