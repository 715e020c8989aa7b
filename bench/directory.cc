// Moving many accounts here: the time of `account add` without its password hash, as the directory
// grows. Usage: bench_directory [accounts], 20,000 by default; the store is in a folder of its own.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/text.h"
#include "service/directory/control_store.h"

int main(int argc, char** argv) {
  const int accounts = argc > 1 ? std::atoi(argv[1]) : 20'000;
  std::string folder = (std::filesystem::temp_directory_path() / "bench-directory-XXXXXX").native();
  if (::mkdtemp(folder.data()) == nullptr) return EXIT_FAILURE;
  {
    auto store = mail::ControlStore::open(std::filesystem::path(folder) / "control.db").value();
    store->add_domain(mail::Domain::parse("yahoo.test").value(), "").value();
    auto begin = std::chrono::steady_clock::now();
    for (int i = 1; i <= accounts; ++i) {
      const auto address = mail::Mailbox::parse(mail::concat("user", i, "@yahoo.test")).value();
      store->add_account(address, "$y$j9T$hash", std::nullopt).value();
      if (i % (accounts / 4) != 0) continue;
      const auto now = std::chrono::steady_clock::now();
      std::printf("up to %6d accounts: %.3f ms each\n", i,
                  std::chrono::duration<double, std::milli>(now - begin).count() / (accounts / 4));
      begin = now;
    }
  }
  std::filesystem::remove_all(folder);
  return EXIT_SUCCESS;
}
