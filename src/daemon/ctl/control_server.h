// The control socket: one request a connection, served on a thread of its own. Who may talk is
// checked twice: by the socket's mode (0600) and by the peer's user, root or our own
// (security.md 57). Bad input ends its connection and nothing else.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>

#include "base/executor.h"
#include "daemon/ctl/admin.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"

namespace mail::ctl {

inline constexpr std::string_view kSocketName = "ctl.sock";

class ControlServer {
 public:
  // Answers from the moment it returns. What `admin` names outlives the server.
  static Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& socket,
                                                      Admin admin);
  // Hangs up on everybody, waits for commands under way.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  explicit ControlServer(Admin admin);
  Task<void> serve(net::Stream stream);
  Task<Answer> run(const std::string& line, std::string asked_by, Output& output);
  void stop();

  Admin admin_;
  net::IoThread thread_;
  TaskSet tasks_;                    // thread_'s, like the next three
  std::list<net::Stream*> streams_;  // of the connections being served
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;  // guarded by mutex_
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace mail::ctl
