// Connections made by us. The stream lives on `thread`; call there.
// Errors: closed or unavailable (refused, unreachable), overloaded (a full Unix backlog),
// deadline_exceeded, io_error, as sentences.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "platform/net/address.h"
#include "platform/net/io_thread.h"
#include "platform/net/stream.h"

namespace mail::net {

Task<Result<Stream>> connect(IoThread& thread, Address address, MonoTime deadline);
// To a Unix stream socket; paths of any length. not_found where no socket file or no server is.
Task<Result<Stream>> connect_unix(IoThread& thread, std::filesystem::path path, MonoTime deadline);

}  // namespace mail::net
