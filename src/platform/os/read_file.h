// A file read from its beginning, piece by piece; read_file() of file.h is for small ones.
// One thread at a time. Errors name the path: not_found, io_error.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "platform/os/file.h"

namespace mail::os {

class ReadFile {
 public:
  static Result<ReadFile> open(const std::filesystem::path& path);
  // At most so many octets; none at the end.
  Result<std::string> read(std::size_t most);

 private:
  ReadFile(Fd file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}
  Fd file_;
  std::filesystem::path path_;
};

// Gives a file that append() and sync() have made whole its name, which nothing has yet; durable
// when it returns. already_exists.
Result<void> publish_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace mail::os
