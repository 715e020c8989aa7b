#include "service/smtpd/recipient.h"

#include <algorithm>

#include "service/policy/access.h"

namespace mail {
namespace {

using smtp::RecipientVerdict;

bool is_full(AccountId id, std::uint64_t more, const Directory& directory, const MailStore& store) {
  const AccountRow* account = directory.account(id);
  if (account == nullptr || !account->has_quota) return false;
  const std::uint64_t used = store.mailbox_bytes(id);
  return used >= account->quota_bytes || more > account->quota_bytes - used;
}

// A list is full when all of its mailboxes are: one that overflows must not silence the others.
bool all_full(const Resolution& resolution, std::uint64_t more, const Directory& directory,
              const MailStore& store) {
  bool any = false;
  for (const Resolution::Member& member : resolution.members) {
    if (!member.account || !is_full(*member.account, more, directory, store)) return false;
    any = true;
  }
  return any;
}

RecipientVerdict decide_local(const Resolution& resolution, const smtp::Transaction& transaction,
                              const Directory& directory, const MailStore& store) {
  // A list whose members are all gone is no better than a recipient elsewhere.
  if (resolution.members.empty()) return RecipientVerdict::relay_denied;
  if (all_full(resolution, transaction.declared_size.value_or(0), directory, store)) {
    return RecipientVerdict::mailbox_full;
  }
  return RecipientVerdict::accept;
}

}  // namespace

RecipientDecision decide_recipient(const smtp::SmtpListener& listener, const smtp::Client& client,
                                   const smtp::Transaction& transaction, const Mailbox& recipient,
                                   const Directory& directory, const MailStore& store) {
  const Resolution resolution = directory.resolve(recipient);
  if (resolution.kind == Resolution::Kind::not_local) {
    return {may_relay(listener, client) ? RecipientVerdict::accept
                                        : RecipientVerdict::relay_denied};
  }
  if (resolution.always_taken) return {.verdict = RecipientVerdict::accept, .always_taken = true};
  if (resolution.rewritten) {
    // A notice about what we sent on, and nothing else: its address is no way to relay.
    return {transaction.reverse_path.mailbox ? RecipientVerdict::relay_denied
                                             : RecipientVerdict::accept,
            false};
  }
  // "victim%elsewhere@here" is nobody's address but somebody's attempt; no catch-all takes it.
  if (hides_another_hop(recipient) && directory.account(recipient.key()) == nullptr &&
      directory.alias(recipient.key()) == nullptr) {
    return {RecipientVerdict::relay_denied};
  }
  if (resolution.kind == Resolution::Kind::unknown_user) {
    return {RecipientVerdict::unknown_user};
  }
  return {decide_local(resolution, transaction, directory, store)};
}

}  // namespace mail
