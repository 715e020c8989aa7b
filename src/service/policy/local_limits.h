// Limits within this process: token buckets in memory, spread over shards that lock alone.
// Any thread. A full bucket is as good as none, so full ones are forgotten; where that is not
// enough to stay below the bound, the fullest quarter of a shard goes: who has sent most stays
// known.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "service/policy/limits.h"

namespace mail {

class LocalLimits final : public Limits {
 public:
  explicit LocalLimits(std::size_t max_keys = 100'000) : max_per_shard_(max_keys / kShards + 1) {}

  bool has(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) const override;
  bool take(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) override;
  std::size_t size() const;  // keys remembered

 private:
  struct Bucket {
    double tokens = 0;
    MonoTime at;  // when it held them
    Rate rate;
    double level(MonoTime now) const;  // tokens it holds by now
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Bucket, TextHash, std::equal_to<>> buckets;
  };
  static constexpr std::size_t kShards = 16;

  void make_room(Shard& shard, MonoTime now) const;

  std::size_t max_per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace mail
