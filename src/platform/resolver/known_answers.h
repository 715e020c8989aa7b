// Answers that are still good, so that a question asked again costs no change of threads; without
// them each goes by two of them and back, even when libunbound has the answer in its cache. None
// is kept for longer than its TTL, none that failed, and none behind a CNAME, whose own TTL
// libunbound does not tell.
// Bounded in octets by two generations: when the younger is full the older is forgotten, and what
// is asked for in the older moves on to the younger. Any thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/resolver.h"

namespace mail::dns {

class KnownAnswers {
 public:
  using Key = std::pair<std::string, Type>;  // in lower case, without the final dot

  explicit KnownAnswers(std::size_t octets = std::size_t{4} << 20) : octets_(octets) {}

  // With what is left of its TTL.
  std::optional<Answer> find(const Key& key, MonoTime now);
  void keep(const Key& key, const Answer& answer, MonoTime now);
  void close();  // nothing is known from now on

 private:
  struct Known {
    Answer answer;
    MonoTime good_until;
  };
  using Generation = std::map<Key, std::shared_ptr<const Known>>;

  std::shared_ptr<const Known> known(const Key& key);
  void add(const Key& key, std::shared_ptr<const Known> fresh);

  const std::size_t octets_;
  std::mutex mutex_;
  bool closed_ = false;
  Generation young_;
  Generation old_;
  std::size_t size_ = 0;  // of the younger
};

}  // namespace mail::dns
