// What `mail_crash` can do; each returns an exit status and prints its figures in one line.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace mail::crash {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mail_crash_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `cuts` power cuts with seeds from `first` on, or the world of one seed.
int cut_power(std::size_t cuts, std::optional<std::uint64_t> one, std::uint64_t first);
// `count` faults at operations chosen by seeds from `first` on; 0: at every operation, of every
// kind. Does each `parts`th of them, from `part` on.
int fail_one(std::string_view kind, std::uint64_t at, bool for_ever, std::uint64_t seed);
int fail_operations(std::size_t count, std::uint64_t first, std::size_t part, std::size_t parts);

int dump(const std::filesystem::path& state, std::size_t accounts);
int make_state(const std::filesystem::path& folder, std::uint64_t seed);
int look(const std::filesystem::path& state, const std::filesystem::path& ledger);

}  // namespace mail::crash
