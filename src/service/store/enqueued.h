// What a commit has just put into queues, for whoever sends it: mail that flows is sent from memory
// and no disk is read for it (design §2.6).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/envelope/options.h"
#include "codec/record/envelope.h"
#include "service/store/outcome.h"

namespace mail {

struct Enqueued {
  MessageId message;
  std::string reverse_path;  // as given at MAIL; a list's delivery has its own
  MailOptions options;
  std::uint64_t size = 0;         // of the content
  std::uint32_t header_size = 0;  // of added fields and header block
  std::vector<QueuedDelivery> deliveries;
  std::shared_ptr<const std::string> content;  // whole; null where it was staged
  record::BodyRef body;                        // then it is read from here
};

// What the commit of `draft` put into queues, with its content moved out of it; nothing where there
// is none. Call it once, after the commit.
std::optional<Enqueued> enqueued_by(Draft& draft);

class EnqueuedSink {
 public:
  virtual ~EnqueuedSink() = default;
  virtual void enqueued(Enqueued mail) = 0;  // after the sync; any thread; never blocks
};

}  // namespace mail
