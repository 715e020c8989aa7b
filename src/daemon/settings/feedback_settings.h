// What the configuration says of reports to other domains.
#pragma once

#include <string>

namespace mail {

struct FeedbackSettings {
  bool aggregate = true;
  std::string from;  // empty: postmaster@hostname
};

}  // namespace mail
