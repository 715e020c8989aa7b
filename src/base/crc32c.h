// CRC32C (Castagnoli), the checksum of every record and body chunk (security.md 11).
#pragma once

#include <cstdint>
#include <string_view>

namespace mail {

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace mail
