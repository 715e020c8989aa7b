#include "platform/os/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace mail::os {
namespace {

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path, int why) {
  const Errc code = why == ENOENT   ? Errc::not_found
                    : why == EACCES ? Errc::not_allowed
                    : why == EEXIST ? Errc::already_exists
                    : why == ENOSPC ? Errc::storage_full
                                    : Errc::io_error;
  return fail(code, concat(doing, " ", path.string(), ": ", std::generic_category().message(why)));
}

}  // namespace

Result<ReadFile> ReadFile::open(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return failed("cannot open", path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return failed("cannot read", path, EISDIR);
  }
  return ReadFile(std::move(file), path);
}

Result<std::string> ReadFile::read(std::size_t most) {
  std::string octets(most, '\0');
  for (;;) {
    const ssize_t got = ::read(file_.get(), octets.data(), most);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot read", path_, errno);
    octets.resize(static_cast<std::size_t>(got));
    return octets;
  }
}

Result<void> publish_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  // A link is never made over another file, as a rename would be.
  if (::link(from.c_str(), to.c_str()) != 0) return failed("cannot make", to, errno);
  return remove_file(from);  // and syncs the directory
}

}  // namespace mail::os
