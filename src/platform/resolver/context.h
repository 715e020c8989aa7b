// Options to a libunbound context: own recursion or forwarders, root hints, trust anchors, and the
// settings a mail server wants. The context is ready for ub_resolve_async() on a thread of its own.
#pragma once

#include <memory>

#include "base/result.h"
#include "platform/resolver/options.h"

struct ub_ctx;

namespace mail::dns {

struct DeleteContext {
  void operator()(ub_ctx* context) const;
};
using Context = std::unique_ptr<ub_ctx, DeleteContext>;

// Questions that libunbound works on at the same time.
inline constexpr int kMaxRunning = 4096;

// Fails with invalid_argument or io_error; the detail names the option and the file. libunbound
// keeps its log for the whole process: one call at a time.
Result<Context> open_context(const UnboundOptions& options);

}  // namespace mail::dns
