// Mailboxes and their entries as kept on disk; fit for IMAP with CONDSTORE (RFC 7162).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mail::record {

struct MailboxInfo {
  MailboxId id;
  AccountId account;
  std::string name;  // data; the id never changes
  std::uint32_t uid_validity = 0;
  Uid uid_next{1};
  ModSeq highest_modseq{0};
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  bool operator==(const MailboxInfo&) const = default;
};
void append_mailbox(std::string& out, const MailboxInfo& info);
Result<MailboxInfo> parse_mailbox(std::string_view bytes);

enum Flag : std::uint32_t { kSeen = 1, kAnswered = 2, kFlagged = 4, kDeleted = 8, kDraft = 16 };

struct MailboxEntry {
  Uid uid;
  MessageId message;
  WallTime internal_date;
  std::uint64_t size = 0;   // added fields and content: what RFC822.SIZE says
  std::uint32_t flags = 0;  // of Flag
  ModSeq modseq;
  std::string recipient;     // the address it was delivered for
  std::string added_fields;  // Return-Path, Delivered-To; stand before the content
  std::string from;          // for lists; at most 255 octets
  std::string subject;
  bool operator==(const MailboxEntry&) const = default;
};
void append_entry(std::string& out, const MailboxEntry& entry);
Result<MailboxEntry> parse_entry(std::string_view bytes);

}  // namespace mail::record
