#include "codec/record/mailbox.h"

#include "codec/record/record.h"

namespace mail::record {
namespace {
constexpr std::uint8_t kMailboxVersion = 1;
constexpr std::uint8_t kEntryVersion = 1;
}  // namespace

void append_mailbox(std::string& out, const MailboxInfo& info) {
  Writer writer(out, Type::mailbox, kMailboxVersion);
  writer.u64(info.id.value);
  writer.u64(info.account.value);
  writer.text(info.name);
  writer.u32(info.uid_validity);
  writer.u32(info.uid_next.value);
  writer.u64(info.highest_modseq.value);
  writer.varint(info.messages);
  writer.varint(info.bytes);
  writer.finish();
}

Result<MailboxInfo> parse_mailbox(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::mailbox, kMailboxVersion));
  MailboxInfo info;
  info.id = MailboxId{reader.u64()};
  info.account = AccountId{reader.u64()};
  info.name = reader.text();
  info.uid_validity = reader.u32();
  info.uid_next = Uid{reader.u32()};
  info.highest_modseq = ModSeq{reader.u64()};
  info.messages = reader.varint();
  info.bytes = reader.varint();
  MAIL_TRY(reader.finish());
  return info;
}

void append_entry(std::string& out, const MailboxEntry& entry) {
  Writer writer(out, Type::entry, kEntryVersion);
  writer.u32(entry.uid.value);
  writer.id(entry.message);
  writer.time(entry.internal_date);
  writer.varint(entry.size);
  writer.u32(entry.flags);
  writer.u64(entry.modseq.value);
  writer.text(entry.recipient);
  writer.text(entry.added_fields);
  writer.text(entry.from);
  writer.text(entry.subject);
  writer.finish();
}

Result<MailboxEntry> parse_entry(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::entry, kEntryVersion));
  MailboxEntry entry;
  entry.uid = Uid{reader.u32()};
  entry.message = reader.id();
  entry.internal_date = reader.time();
  entry.size = reader.varint();
  entry.flags = reader.u32();
  entry.modseq = ModSeq{reader.u64()};
  entry.recipient = reader.text();
  entry.added_fields = reader.text();
  entry.from = reader.text();
  entry.subject = reader.text();
  MAIL_TRY(reader.finish());
  return entry;
}

}  // namespace mail::record
