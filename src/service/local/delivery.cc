#include "service/local/delivery.h"

#include <utility>

#include "codec/message/trace.h"

namespace mail {

Delivery deliver_to_mailbox(AccountId account, std::string recipient,
                            std::string_view reverse_path) {
  Delivery delivery;
  delivery.target = ToMailbox{.account = account};
  delivery.reverse_path = reverse_path;
  delivery.added_fields.reserve(48 + reverse_path.size() + recipient.size());
  // RFC 5321 §4.4: final delivery writes Return-Path, at the beginning.
  message::append_return_path(delivery.added_fields, reverse_path);
  message::append_delivered_to(delivery.added_fields, recipient);
  delivery.recipients.push_back(std::move(recipient));
  return delivery;
}

}  // namespace mail
