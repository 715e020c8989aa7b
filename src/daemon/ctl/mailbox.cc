// mailbox list|show|delete: the messages of one folder of an account.
#include <array>

#include "base/log.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/mailbox/mailbox_service.h"

namespace mail::ctl {
namespace {

struct Place {
  std::string address;  // of an account that is there
  std::string folder;
};

std::expected<Place, Refusal> parse_place(const Admin& admin, const Request& request) {
  MAIL_TRY(const AccountRow account, find_account(admin, request.text("ADDRESS")));
  return Place{account.address, request.has("--folder") ? request.text("--folder") : "INBOX"};
}

Result<Uid> parse_uid(std::string_view text) {
  const std::optional<std::uint64_t> number = parse_number(text);
  if (number && *number > 0 && *number <= 0xFFFF'FFFF) {
    return Uid{static_cast<std::uint32_t>(*number)};
  }
  return fail(Errc::bad_syntax,
              concat('`', printable(text), "` is no UID; `mailwright mailbox list` shows them"));
}

// The account is there: what is missing now is a folder or a message.
Refusal missing(const Error& error) {
  Refusal refusal(error);
  if (error.code == Errc::not_found) refusal.exit = Exit::no_input;
  return refusal;
}

json::Array flag_names(std::uint32_t flags) {
  constexpr std::array<std::pair<record::Flag, std::string_view>, 5> kNames = {
      {{record::kSeen, "\\Seen"},
       {record::kAnswered, "\\Answered"},
       {record::kFlagged, "\\Flagged"},
       {record::kDeleted, "\\Deleted"},
       {record::kDraft, "\\Draft"}}};
  json::Array names;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) names.emplace_back(name);
  }
  return names;
}

std::string joined(const json::Array& names) {
  std::string out;
  for (const json::Value& name : names) append(out, out.empty() ? "" : " ", *name.text());
  return out.empty() ? "-" : out;
}

json::Value to_json(const record::MailboxEntry& entry) {
  return json::Object{{"uid", entry.uid.value},
                      {"size", entry.size},
                      {"received", message::iso_date(entry.internal_date)},
                      {"from", entry.from},
                      {"subject", entry.subject},
                      {"flags", flag_names(entry.flags)},
                      {"message", entry.message.to_string()},
                      {"recipient", entry.recipient}};
}

}  // namespace

Task<Answer> mailbox_list(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Place place, parse_place(admin, request));
  MailboxService mailboxes(admin.store, admin.control);
  const Result<std::vector<record::MailboxEntry>> entries =
      co_await mailboxes.list(place.address, place.folder);
  if (!entries) co_return std::unexpected(missing(entries.error()));
  TextTable table({"UID", "RECEIVED", "SIZE", "FLAGS", "FROM", "SUBJECT"});
  JsonRows rows(output);
  for (const record::MailboxEntry& entry : *entries) {
    if (request.json) {
      MAIL_CO_TRY(co_await rows.add(to_json(entry)));
    } else {
      table.add({concat(entry.uid.value), human_time(entry.internal_date), human_size(entry.size),
                 joined(flag_names(entry.flags)), entry.from, entry.subject});
    }
  }
  if (request.json) co_return co_await rows.finish();
  if (table.empty()) {
    co_return co_await print(
        output, concat("No mail for ", place.address, " in ", printable(place.folder), ".\n"));
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> mailbox_show(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Place place, parse_place(admin, request));
  MAIL_CO_TRY(const Uid uid, parse_uid(request.text("UID")));
  MailboxService mailboxes(admin.store, admin.control);
  Result<ShownMessage> shown = co_await mailboxes.show(place.address, uid, place.folder);
  if (!shown) co_return std::unexpected(missing(shown.error()));
  const record::MailboxEntry& entry = shown->entry;
  // An operator who reads somebody's mail leaves a trace (security.md 60).
  log::info("mailbox.read_by_operator", {{"account", place.address},
                                         {"folder", place.folder},
                                         {"uid", uid.value},
                                         {"id", entry.message.to_string()},
                                         {"by", request.asked_by}});
  if (request.has("--raw")) co_return co_await print(output, std::move(shown->bytes));
  co_return co_await print(
      output, concat("UID ", uid.value, "  message ", entry.message.to_string(), "  ",
                     human_time(entry.internal_date), "  ", human_size(entry.size), "  flags ",
                     joined(flag_names(entry.flags)), "\n\n", printable_text(shown->bytes)));
}

Task<Answer> mailbox_delete(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Place place, parse_place(admin, request));
  MAIL_CO_TRY(const Uid uid, parse_uid(request.text("UID")));
  MailboxService mailboxes(admin.store, admin.control);
  const Result<void> removed = co_await mailboxes.remove(place.address, uid, place.folder);
  if (!removed) co_return std::unexpected(missing(removed.error()));
  log::info("mailbox.deleted_by_operator", {{"account", place.address},
                                            {"folder", place.folder},
                                            {"uid", uid.value},
                                            {"by", request.asked_by}});
  co_return co_await print(output, concat("UID ", uid.value, " of ", place.address, " is gone.\n"));
}

}  // namespace mail::ctl
