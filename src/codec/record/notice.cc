#include "codec/record/notice.h"

#include "codec/record/options.h"
#include "codec/record/record.h"

namespace mail::record {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr auto kLastKind = NoticeKind::expanded;
}  // namespace

std::string_view to_string(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::failed:
      return "failed";
    case NoticeKind::delayed:
      return "delayed";
    case NoticeKind::delivered:
      return "delivered";
    case NoticeKind::relayed:
      return "relayed";
    case NoticeKind::expanded:
      return "expanded";
  }
  return "failed";
}

void append_notice(std::string& out, const Notice& notice) {
  Writer writer(out, Type::notice, kVersion);
  writer.id(notice.message);
  writer.u8(static_cast<std::uint8_t>(notice.kind));
  writer.time(notice.at);
  writer.text(notice.reverse_path);
  writer.text(notice.recipient);
  writer.text(notice.original);
  writer.text(notice.status);
  writer.text(notice.remote_host);
  writer.text(notice.remote_address);
  writer.text(notice.diagnostic);
  writer.u8(notice.by_remote ? 1 : 0);
  write_optional_time(writer, notice.will_retry_until);
  writer.finish();
}

Result<Notice> parse_notice(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::notice, kVersion));
  Notice notice;
  notice.message = reader.id();
  const std::uint8_t kind = reader.u8();
  if (kind == 0 || kind > static_cast<std::uint8_t>(kLastKind)) reader.refuse();
  notice.kind = static_cast<NoticeKind>(kind);
  notice.at = reader.time();
  notice.reverse_path = reader.text();
  notice.recipient = reader.text();
  notice.original = reader.text();
  notice.status = reader.text();
  notice.remote_host = reader.text();
  notice.remote_address = reader.text();
  notice.diagnostic = reader.text();
  notice.by_remote = read_flag(reader);
  notice.will_retry_until = read_optional_time(reader);
  MAIL_TRY(reader.finish());
  return notice;
}

}  // namespace mail::record
