// What is handed to the store to be kept: a message with its deliveries, as values (design §2).
// A Draft is made by service/spool on the session's thread and given away whole at commit().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/envelope/options.h"
#include "codec/record/event.h"
#include "codec/record/notice.h"
#include "codec/record/pending.h"

namespace mail {

// Where a delivery goes. Counted per recipient: delivered, queued, held, discarded or bounced.
struct ToMailbox {
  AccountId account;
  std::string folder = "INBOX";  // made by the commit where it is missing
};
// A queue on disk (design §5). `route` is the next hop's text when the delivery was filed there;
// which way it goes is decided anew when it is sent.
struct QueueName {
  std::string route;
  std::string domain;
  std::string lane;
  auto operator<=>(const QueueName&) const = default;
};
struct ToRoute {
  QueueName queue;
  WallTime due;
};
struct Held {
  std::string reason;
};  // kept aside until an operator decides
struct Discarded {
  std::string reason;
};  // accepted and thrown away, on purpose
struct Bounced {  // can not be delivered, as is known already; Draft::notices tells its sender
  std::string reason;
};
// Sent on before it was committed, with the next hop's word for it (end-to-end mode). Counted as
// delivered; nothing of its content is kept.
struct Relayed {
  std::vector<record::Fact> facts;  // of the event
};
using Target = std::variant<ToMailbox, ToRoute, Held, Discarded, Bounced, Relayed>;

// One or more recipients of one message with one next hop. Has its own reverse path and its own
// added fields (Return-Path, Delivered-To), which stand before the message's content.
struct Delivery {
  Target target;
  std::vector<Recipient> recipients;  // after expansion; exactly one for a mailbox
  std::string reverse_path;           // "" for the null path
  std::string added_fields;           // whole fields, each ending in CRLF
};

// Names a notice that is due.
struct NoticeKey {
  MessageId message;
  std::uint64_t number = 0;
  auto operator<=>(const NoticeKey&) const = default;
};

// What mail that waited in another store brings along (service/archive).
struct Carried {
  std::vector<record::PendingDelivery> waiting;  // as it was there; one for each of `deliveries`
  std::uint32_t told = 0;                        // DSNs about it that were committed there
};

struct Draft {
  MessageId id;
  WallTime received_at;
  std::string reverse_path;           // as given at MAIL
  MailOptions options;                // likewise
  std::vector<Recipient> recipients;  // as given at RCPT
  std::vector<Delivery> deliveries;   // after expansion

  // added fields + header block + body. With staged chunks: the first chunk only.
  std::string content;
  std::uint32_t header_size = 0;    // of added fields and header block, the empty line included
  std::uint32_t staged_chunks = 0;  // chunks 1..n that stage() took
  std::uint64_t size = 0;           // of the whole content

  std::string from;  // From and Subject as they stand, for lists; at most 255 octets each
  std::string subject;
  std::vector<record::Event> events;  // `received`, `expanded`; the store adds those of deliveries
  std::vector<record::Notice> notices;  // due already: delivered or expanded, where asked for
  std::vector<NoticeKey> tells;         // a DSN: the notices it tells go with its commit
  // Of another store: then the commit fails with already_exists where any event knows the id.
  std::optional<Carried> carried{};
};

}  // namespace mail
