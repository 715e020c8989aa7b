// One listening socket on one I/O thread. For listener.cc.
// Lives as long as its handlers; all but the constructor runs on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "platform/net/listener.h"
#include "platform/net/loop.h"
#include "platform/net/socket.h"

namespace mail::net {

class Acceptor final : public Watched, public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Loop& loop, Fd listening, std::size_t index, std::string no_descriptor_reply);
  ~Acceptor() { close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void start(std::shared_ptr<const Listener::OnAccept> on_accept);
  void close();

 private:
  void happened(std::uint32_t events) override;
  void accept_waiting();
  void refuse_waiting();  // no descriptor left
  void back_off();

  Loop& loop_;
  const std::size_t index_;
  const std::string no_descriptor_reply_;
  Fd listening_;  // none: closed
  Loop::Key key_ = 0;
  bool watching_ = false;
  bool pausing_ = false;
  Fd reserve_;  // given up for a moment to answer when no descriptor is left
  std::shared_ptr<const Listener::OnAccept> on_accept_;
};

}  // namespace mail::net
