// Connections made by us. The stream lives on `thread`; call there.
// Errors: closed or unavailable (refused, unreachable), overloaded (a full Unix backlog),
// deadline_exceeded, io_error, as sentences.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

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

struct DialOptions {
  std::string source;             // our address; only peers of its family are tried. "": any
  Milliseconds patience{30'000};  // for each address
  Milliseconds head_start{250};   // before the next address is tried as well (RFC 8305 §5)
};

// To the first of several addresses of one host that answers: tried in the order given, the next
// as soon as the one before has failed, or has not answered within the head start. The error
// names what became of each. One use; alive until run() has ended.
class Dial {
 public:
  Dial(IoThread& thread, std::vector<Address> addresses, DialOptions options);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  Task<Result<Stream>> run();
  void cancel();  // run() ends soon, with closed unless it had succeeded

 private:
  struct Race;
  std::shared_ptr<Race> race_;
};

// Our side of the connection: "192.0.2.7"; "" on a Unix socket.
std::string local_address(const Stream& stream);

}  // namespace mail::net
