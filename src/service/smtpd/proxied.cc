// Connections that a load balancer passes on (PROXY protocol): whose they are is said before the
// greeting, and before the handshake of implicit TLS.
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/log.h"
#include "codec/proxy/proxy.h"
#include "service/smtpd/admission.h"
#include "service/smtpd/connection.h"

namespace mail {
namespace {

constexpr auto kHeaderTime = std::chrono::seconds(10);  // a balancer has it ready

}  // namespace

// False: nobody is to be served.
Task<bool> Connection::learn_client() {
  const MonoTime deadline = now() + kHeaderTime;
  std::string header;
  std::array<char, 256> buffer;
  for (;;) {
    const Result<proxy::Header> parsed = proxy::parse(header);
    if (!parsed) {
      log::warning("smtpd.bad_proxy_header", {{"balancer", peer_.address.to_string()},
                                              {"listener", settings_->listener->address},
                                              {"error", describe(parsed.error())}});
      co_return false;
    }
    if (parsed->missing == 0) {
      if (const std::optional<proxy::Origin>& origin = parsed->origin) {
        peer_ = peer_of(origin->address, origin->port, *settings_);
      }
      break;
    }
    // Not an octet more than the header: what follows may be a TLS handshake.
    const std::size_t most = std::min(parsed->missing, buffer.size());
    const auto got = stream_.read_some(std::span(buffer).first(most));
    if (!got) co_return false;
    header.append(buffer.data(), *got);
    if (*got == 0 && !co_await stream_.readable(deadline)) co_return false;
  }
  co_return admit_client();
}

bool Connection::admit_client() {
  keys_ = keys_of(peer_.address);
  session_ = smtp::ServerSession(settings_->listener, peer_, now());
  admitted_ = !stopping_ && admit(peer_, keys_, *settings_, stream_, services_, clients_);
  return admitted_;
}

}  // namespace mail
