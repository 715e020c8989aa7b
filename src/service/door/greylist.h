// Greylisting that learns: whoever brings mail of a domain for the first time is asked to come
// back, as mail servers do and most programs of spammers do not; who did so is known from then on,
// by network and sender domain.
//
// GreylistTable: bounded memory; any thread. It survives a restart by bytes() and load().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "codec/address/ip_address.h"
#include "service/door/tools.h"

namespace mail::door {

class GreylistTable {
 public:
  explicit GreylistTable(std::size_t max_entries = 100'000) : max_entries_(max_entries) {}

  // How long to wait still; nothing: welcome, and remembered.
  std::optional<std::chrono::seconds> wait(const IpAddress& client, std::string_view domain,
                                           const Greylist& settings, WallTime now);
  // Somebody we believe says that they are welcome.
  void vouch(const IpAddress& client, std::string_view domain, WallTime now);

  std::size_t size() const;
  std::string bytes() const;
  Result<void> load(std::string_view bytes);  // store_corrupt, and nothing is changed

 private:
  struct Entry {
    WallTime since;  // the first try
    WallTime last;   // the last
    bool known = false;
  };
  void make_room(const Greylist& settings, WallTime now);

  mutable std::mutex mutex_;
  std::size_t max_entries_;
  std::unordered_map<std::uint64_t, Entry> entries_;
};

// Asks for a second try at the end of data, when it is known whether DMARC vouches for the message:
// such mail passes at once. Duty addresses, recipients with mode observe, and clients that an
// allowlist speaks for are not kept waiting.
class Greylisting final : public Judge {
 public:
  Greylisting(const Tools& tools, GreylistTable& table) : tools_(tools), table_(table) {}
  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  const Tools& tools_;
  GreylistTable& table_;
};

}  // namespace mail::door
