#include "service/smtpd/smtpd.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/smtp/replies.h"
#include "service/smtpd/site.h"

namespace mail {
namespace {

constexpr int kSendBuffer = 64 << 10;  // replies a client leaves unread (security.md §3)

}  // namespace

struct SmtpServer::Door {
  std::string asked;  // the address as configured
  std::unique_ptr<net::Listener> listener;
  std::mutex mutex;
  std::shared_ptr<const ServedListener> settings;

  std::shared_ptr<const ServedListener> current() {
    const std::lock_guard lock(mutex);
    return settings;
  }
  void replace(ServedListener served) {
    auto made = std::make_shared<const ServedListener>(std::move(served));
    const std::lock_guard lock(mutex);
    settings = std::move(made);
  }
};

SmtpServer::SmtpServer(std::vector<net::IoThread*> threads, Services services)
    : services_(services), threads_(std::move(threads)) {
  for (net::IoThread* thread : threads_) {
    sites_.push_back(std::make_unique<Site>(*thread, services_, clients_));
  }
}

SmtpServer::~SmtpServer() { stop(); }

Result<std::shared_ptr<SmtpServer::Door>> SmtpServer::open_door(ServedListener served) {
  const smtp::SmtpListener& listener = *served.listener;
  MAIL_TRY(const net::Address address, net::parse_address(listener.address));
  auto door = std::make_shared<Door>();
  door->asked = listener.address;
  MAIL_TRY(door->listener,
           net::Listener::tcp(threads_, address,
                              {.backlog = 1024,
                               .send_buffer = kSendBuffer,
                               .no_descriptor_reply = smtp::busy_greeting(listener.hostname)}));
  door->replace(std::move(served));
  return door;
}

Result<void> SmtpServer::apply(std::vector<ServedListener> listeners) {
  for (const ServedListener& served : listeners) {
    if (served.listener->tls == smtp::TlsMode::implicit && served.tls == nullptr) {
      return fail(Errc::invalid_argument, concat("listener ", served.listener->address,
                                                 " wants TLS but has no certificate"));
    }
  }
  std::vector<std::shared_ptr<Door>> before = doors_;
  std::vector<std::shared_ptr<Door>> after;
  std::vector<std::shared_ptr<Door>> opened;
  for (ServedListener& served : listeners) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const auto& door) {
      return door != nullptr && door->asked == served.listener->address;
    });
    if (known != before.end()) {
      after.push_back(std::exchange(*known, nullptr));
      continue;
    }
    MAIL_TRY(auto door, open_door(served));
    opened.push_back(door);
    after.push_back(std::move(door));
  }
  // Nothing can fail any more.
  for (std::size_t i = 0; i < after.size(); ++i) after[i]->replace(std::move(listeners[i]));
  for (const auto& door : opened) {
    door->listener->start([this, door = door.get()](std::size_t thread, net::Stream stream) {
      sites_[thread]->take(std::move(stream), door->current());
    });
  }
  for (const auto& door : before) {
    if (door != nullptr) door->listener->stop();
  }
  doors_ = std::move(after);
  for (auto& door : before) {
    if (door != nullptr) closed_.push_back(std::move(door));
  }
  return {};
}

std::vector<net::Address> SmtpServer::addresses() const {
  std::vector<net::Address> out;
  for (const auto& door : doors_) out.push_back(door->listener->address());
  return out;
}

void SmtpServer::stop(Milliseconds grace) {
  if (std::exchange(stopped_, true)) return;
  for (const auto& door : doors_) door->listener->stop();
  for (const auto& site : sites_) {
    site->thread().post([&each = *site] { each.begin_stop(); });
  }
  const auto until = std::chrono::steady_clock::now() + grace;
  for (const auto& site : sites_) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(until - std::chrono::steady_clock::now());
    if (site->wait_idle(std::max(left, Milliseconds{0}))) continue;
    std::promise<void> cut;
    site->thread().post([&] {
      site->cut_all();
      cut.set_value();
    });
    cut.get_future().wait();
    while (!site->wait_idle(Milliseconds{60'000})) {
      log::warning("smtpd.stop_waits", {{"for", "a commit that has not ended"}});
    }
  }
}

}  // namespace mail
