// Who a new connection is, and whether there is room for it (security.md §3).
// On the I/O thread of the connection.
#pragma once

#include <cstdint>

#include "codec/address/ip_address.h"
#include "codec/smtp/server_session.h"
#include "platform/net/stream.h"
#include "service/smtpd/client_table.h"
#include "service/smtpd/smtpd.h"

namespace mail {

smtp::Peer peer_of(const IpAddress& address, std::uint16_t port, const ServedListener& settings);

// Whether a PROXY header comes first: from the balancers of the listener, and from nobody else.
bool comes_by_proxy(const IpAddress& address, const ServedListener& settings);

// True: it counts from now on, and must leave `clients` again. False: it was told, and is not worth
// waiting for.
bool admit(const smtp::Peer& peer, const ClientKeys& keys, const ServedListener& settings,
           net::Stream& stream, Services& services, ClientTable& clients);

}  // namespace mail
