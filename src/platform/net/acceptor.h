// One listening socket on one I/O thread. For listener.cc.
// Lives as long as its handlers; all but the constructor runs on the loop's thread.
#pragma once

#include <memory>

#include "platform/net/listener.h"
#include "platform/net/loop.h"
#include "platform/net/socket.h"

namespace mail::net {

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Loop& loop, std::size_t index, std::string no_descriptor_reply);

  Result<void> assign(Fd fd);
  void start(std::shared_ptr<const Listener::OnAccept> on_accept);
  void close();

 private:
  void wait();
  void accept_waiting();
  void refuse_waiting();  // no descriptor left
  void back_off();

  Loop& loop_;
  const std::size_t index_;
  const std::string no_descriptor_reply_;
  Descriptor descriptor_;
  Timer pause_;
  int fd_ = -1;
  Fd reserve_;  // given up for a moment to answer when no descriptor is left
  std::shared_ptr<const Listener::OnAccept> on_accept_;
};

}  // namespace mail::net
