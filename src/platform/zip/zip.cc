#include "platform/zip/zip.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/text.h"

namespace mail::zip {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

Result<std::string> read_file(zip_t* archive, zip_uint64_t index, std::size_t most) {
  const std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive, index, 0));
  if (file == nullptr) {
    return fail(Errc::bad_syntax, concat("zip archive: ", zip_strerror(archive)));
  }
  std::string content;
  std::array<char, kPiece> piece;
  for (;;) {
    const zip_int64_t got = zip_fread(file.get(), piece.data(), piece.size());
    if (got < 0) return fail(Errc::bad_syntax, "zip archive is damaged");
    if (got == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(got));
    if (content.size() > most) return fail(Errc::too_large, "zip archive holds too much");
  }
}

}  // namespace

Result<std::vector<File>> unpack(std::string_view bytes, Limits limits) {
  // To libzip no octets are an archive without files.
  if (bytes.empty()) return fail(Errc::bad_syntax, "zip archive: empty");
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* const opened =
      source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (opened == nullptr) {
    if (source != nullptr) zip_source_free(source);
    return fail(Errc::bad_syntax, concat("zip archive: ", why));
  }
  const std::unique_ptr<zip_t, Discard> archive(opened);
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
  if (count > limits.max_files) return fail(Errc::too_large, "zip archive of too many files");
  std::vector<File> files;
  std::size_t left = limits.max_bytes;
  for (zip_uint64_t index = 0; index < count; ++index) {
    const char* const name = zip_get_name(archive.get(), index, 0);
    if (name == nullptr) return fail(Errc::bad_syntax, "zip archive is damaged");
    if (std::string_view(name).ends_with('/')) continue;
    auto content = read_file(archive.get(), index, left);
    if (!content) return std::unexpected(std::move(content.error()));
    left -= content->size();
    files.push_back({name, *std::move(content)});
  }
  return files;
}

}  // namespace mail::zip
