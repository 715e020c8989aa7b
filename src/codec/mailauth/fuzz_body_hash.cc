// A body in pieces, cut where the first two octets say: its canonical forms are those that RFC 6376
// §3.4.3 and §3.4.4 describe, made here the long way, whatever l= lets in.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/toy_crypto.h"

namespace {

using mail::dkim::BodyHashes;
using mail::dkim::Form;

std::string canonical(std::string_view body, Form form) {
  std::string out;
  std::string empty_lines;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find("\r\n"), body.size());
    std::string line(body.substr(0, end));
    body.remove_prefix(std::min(end + 2, body.size()));
    if (form == Form::relaxed) {
      std::ranges::replace(line, '\t', ' ');
      const auto doubled =
          std::ranges::unique(line, [](char a, char b) { return a == ' ' && b == ' '; });
      line.erase(doubled.begin(), doubled.end());
      if (line.ends_with(' ')) line.pop_back();
    }
    line += "\r\n";
    if (line == "\r\n") {
      empty_lines += line;
      continue;
    }
    out += std::exchange(empty_lines, "");
    out += line;
  }
  if (out.empty() && form == Form::simple) return "\r\n";
  return out;
}

std::string hash(std::string_view text) {
  mail::crypto::toy::ToyDigest digest;
  digest.update(text);
  return digest.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size < 2) return 0;
  const std::size_t step = 1 + static_cast<unsigned char>(text[0]);
  const std::uint64_t length = static_cast<unsigned char>(text[1]);
  text.remove_prefix(2);
  BodyHashes hashes(mail::crypto::toy::kToyCrypto);
  for (const Form form : {Form::simple, Form::relaxed}) {
    hashes.want(form, std::nullopt);
    hashes.want(form, length);
  }
  for (std::size_t at = 0; at < text.size(); at += step) hashes.update(text.substr(at, step));
  hashes.finish();
  std::size_t number = 0;
  for (const Form form : {Form::simple, Form::relaxed}) {
    const std::string whole = canonical(text, form);
    MAIL_ASSERT(hashes.length(form) == whole.size());
    MAIL_ASSERT(hashes.digest(number++) == hash(whole));
    MAIL_ASSERT(hashes.digest(number++) == hash(std::string_view(whole).substr(0, length)));
  }
  return 0;
}
