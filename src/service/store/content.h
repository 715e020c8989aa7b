// The whole content of a message in memory, for what shows it. Streams should use read_body.
#pragma once

#include <string>

#include "base/result.h"
#include "base/task.h"
#include "service/store/mail_store.h"

namespace mail {

// Appends added fields, header block and body to `out`, which like `store` and `envelope` must
// outlive the task. Fails as read_body() does, and with store_corrupt where the body ends early;
// `out` then holds what came before.
Task<Result<void>> append_content(MailStore& store, const record::Envelope& envelope,
                                  std::string& out);

}  // namespace mail
