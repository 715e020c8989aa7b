// Who signs mail of our own before it is kept; assembly binds it (service/signing). Threads: any;
// must not block.
#pragma once

#include "service/store/draft.h"

namespace mail {

class DraftSigner {
 public:
  virtual ~DraftSigner() = default;
  // The whole content is in the draft, no recipient has got it. What cannot be signed is left.
  virtual void sign(Draft& draft) const = 0;
};

}  // namespace mail
