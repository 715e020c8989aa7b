// For tests: the DNS of tests/lib/dns_world.py (Knot, a signed root, faults) as a child process on
// 127.0.0.1:53 of a network namespace that the whole test program enters first. That needs root.
#pragma once

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/text.h"

namespace mail::dns {

inline const std::string kDnsWorld = MAIL_SOURCE_DIR "/tests/lib/dns_world.py";

[[noreturn]] inline void give_up(std::string_view why) {
  std::fprintf(stderr, "%s\n", std::string(why).c_str());
  std::exit(EXIT_FAILURE);
}

// Leaves the network of the machine behind, before there are threads: nothing a test does can reach
// it.
inline void enter_own_network() {
  // Knot is fetched, once, while there is a network.
  if (std::system(("python3 " + kDnsWorld + " fetch").c_str()) != 0) give_up("no Knot DNS");
  if (::unshare(CLONE_NEWNET) != 0) {
    give_up(concat("no network namespace: ", std::strerror(errno), "; this test needs root"));
  }
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(any, SIOCSIFFLAGS, &request) != 0) give_up(concat("lo: ", std::strerror(errno)));
  ::close(any);
}

class PrivateDns {
 public:
  // `zones` as JSON: {"yahoo.test": ["@ MX 10 mx", ...], ...}
  explicit PrivateDns(std::string_view zones) {
    std::string pattern = std::filesystem::temp_directory_path() / "mailwright-dns-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::array<int, 2> orders{};
    std::array<int, 2> answers{};
    if ((::pipe2(orders.data(), O_CLOEXEC) | ::pipe2(answers.data(), O_CLOEXEC)) != 0)
      give_up("pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, orders[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
    std::array<const char*, 4> words{"python3", kDnsWorld.c_str(), "serve", nullptr};
    if (::posix_spawnp(&child_, "python3", &actions, nullptr,
                       const_cast<char* const*>(words.data()), environ) != 0) {
      give_up("python3 does not start");
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(orders[0]);
    ::close(answers[1]);
    orders_ = ::fdopen(orders[1], "w");
    answers_ = ::fdopen(answers[0], "r");
    const std::string ready =
        tell(concat(R"({"zones": )", zones, R"(, "addresses": ["127.0.0.1"], )", R"("folder": ")",
                    folder_, "\"}"));
    root_hints_ = value_of(ready, "root_hints");
    trust_anchor_ = value_of(ready, "trust_anchor");
  }
  ~PrivateDns() {
    std::fclose(orders_);  // which ends it
    std::fclose(answers_);
    ::waitpid(child_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  PrivateDns(const PrivateDns&) = delete;
  PrivateDns& operator=(const PrivateDns&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& root_hints() const { return root_hints_; }
  const std::string& trust_anchor() const { return trust_anchor_; }

  void fault(std::string_view name, std::string_view kind) {
    order("fault", name, concat(R"(, "kind": ")", kind, '"'));
  }
  void heal(std::string_view name) { order("heal", name, ""); }
  // How often this name was asked for with this type.
  int questions(std::string_view name, std::string_view type) {
    const std::string answer = order("questions", name, "");
    const std::string wanted = concat('"', type, '"');
    int count = 0;
    for (std::size_t at = 0; (at = answer.find(wanted, at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  std::string order(std::string_view verb, std::string_view name, std::string_view more) {
    return tell(concat(R"({"do": ")", verb, R"(", "name": ")", name, '"', more, '}'));
  }
  std::string tell(std::string line) {
    std::ranges::replace(line, '\n', ' ');  // an order is a line
    std::fprintf(orders_, "%s\n", line.c_str());
    std::fflush(orders_);
    char* answer = nullptr;
    std::size_t size = 0;
    const ssize_t length = ::getline(&answer, &size, answers_);
    std::string text = length > 0 ? std::string(answer, static_cast<std::size_t>(length)) : "";
    std::free(answer);
    if (text.empty() || text.find("\"error\"") != std::string::npos) give_up(concat(line, text));
    return text;
  }
  static std::string value_of(const std::string& answer, std::string_view key) {
    const std::string mark = concat('"', key, R"(": ")");
    const std::size_t begin = answer.find(mark);
    if (begin == std::string::npos) return {};
    const std::size_t from = begin + mark.size();
    return answer.substr(from, answer.find('"', from) - from);
  }

  std::string folder_;
  std::string root_hints_;
  std::string trust_anchor_;
  pid_t child_ = -1;
  std::FILE* orders_ = nullptr;
  std::FILE* answers_ = nullptr;
};

}  // namespace mail::dns
