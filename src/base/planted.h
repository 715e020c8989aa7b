// Bugs planted on purpose, so that the tests of durability show that they would find them
// (security.md 63). In the shipped binary there are none: only a build with MAIL_PLANTED_BUGS,
// which sanitizer trees are, asks the environment, once, which one MAIL_PLANTED_BUG names.
#pragma once

#ifdef MAIL_PLANTED_BUGS
#include <cstdlib>
#include <string_view>
#endif

namespace mail {

enum class Bug : unsigned char {
  acknowledge_before_sync,
  no_sync,
  no_directory_sync,
  delete_before_remote_250,
  retry_after_failed_sync,
  deferral_lost,
  half_failed_group,
  id_used_twice,
  segment_not_synced,
};

#ifdef MAIL_PLANTED_BUGS
inline bool planted(Bug bug) {
  static const char* const name = std::getenv("MAIL_PLANTED_BUG");
  if (name == nullptr) return false;
  constexpr std::string_view kNames[] = {
      "acknowledge_before_sync", "no_sync",       "no_directory_sync", "delete_before_remote_250",
      "retry_after_failed_sync", "deferral_lost", "half_failed_group", "id_used_twice",
      "segment_not_synced"};
  return name == kNames[static_cast<unsigned char>(bug)];
}
#else
constexpr bool planted(Bug) { return false; }
#endif

}  // namespace mail
