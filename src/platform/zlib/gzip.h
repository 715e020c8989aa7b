// gzip (RFC 1952) by zlib. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::gzip {

std::string compress(std::string_view bytes);
// All members of a file one after the other. Fails with too_large as soon as more than `max_size`
// octets come out, whatever the file says of itself; with bad_syntax on damage or a broken-off end.
Result<std::string> decompress(std::string_view bytes, std::size_t max_size);

}  // namespace mail::gzip
