#include "daemon/settings/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "platform/toml/toml.h"

namespace mail {
namespace {

constexpr std::size_t kMaxSecret = 4096;

// 0640 for a mode, as ls and chmod speak of it.
std::string octal(mode_t mode) {
  std::string out = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    out.push_back(static_cast<char>('0' + ((mode >> shift) & 7)));
  }
  return out;
}

Complaint unreadable(const std::string& path, int why) {
  return {concat(toml::quoted(path), " cannot be read: ", std::strerror(why)), "",
          "let the user the service runs as read it"};
}

}  // namespace

Refusal check_file(const std::string& path, std::string_view form, mode_t& mode) {
  if (!path.starts_with('/')) {
    return Complaint{concat(toml::quoted(path), " is not an absolute path"), "",
                     "begin it with \"/\": the service is started in any folder"};
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return Complaint{concat(toml::quoted(path), missing ? " does not exist" : " cannot be read: ",
                            missing ? "" : std::strerror(errno)),
                     "",
                     missing ? "create the file or correct the path"
                             : "let the user the service runs as reach it"};
  }
  if (!S_ISREG(status.st_mode)) {
    return Complaint{concat(toml::quoted(path), " is not a file"), "",
                     concat("name a file ", form)};
  }
  mode = status.st_mode;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return unreadable(path, errno);
  ::close(file);
  return std::nullopt;
}

Refusal check_secrecy(const std::string& path, mode_t mode) {
  // By the mode and not by trying: root may read everything.
  if ((mode & (S_IRWXG | S_IRWXO)) == 0) return std::nullopt;
  return Complaint{
      concat(toml::quoted(path), " is open to group or others (mode ", octal(mode), ")"), "",
      concat("chmod 600 ", path)};
}

Refusal read_secret(const std::string& path, std::string& secret) {
  mode_t mode = 0;
  if (Refusal refusal = check_file(path, "with one line", mode)) return refusal;
  if (Refusal refusal = check_secrecy(path, mode)) return refusal;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return unreadable(path, errno);
  std::string text(kMaxSecret, '\0');
  const ssize_t got = ::read(file, text.data(), text.size());
  const int why = errno;
  ::close(file);
  if (got < 0) return unreadable(path, why);
  text.resize(static_cast<std::size_t>(got));
  const std::size_t end = text.find_first_of("\r\n");
  if (end == std::string::npos && text.size() == kMaxSecret) {
    return Complaint{concat(toml::quoted(path), " has a line of more than ", kMaxSecret, " octets"),
                     "", "write the secret alone on its first line"};
  }
  secret = text.substr(0, end);
  if (!secret.empty()) return std::nullopt;
  return Complaint{concat(toml::quoted(path), " begins with an empty line"), "",
                   "write the secret on its first line"};
}

}  // namespace mail
