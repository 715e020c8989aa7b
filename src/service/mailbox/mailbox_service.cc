#include "service/mailbox/mailbox_service.h"

#include <utility>

#include "base/text.h"
#include "service/store/content.h"

namespace mail {
namespace {

constexpr std::string_view kInbox = "INBOX";
constexpr std::size_t kPage = 1000;

bool same_folder(std::string_view a, std::string_view b) {
  return a == b || (iequals(a, kInbox) && iequals(b, kInbox));
}

std::unexpected<Error> no_message(Uid uid, std::string_view address, std::string_view folder) {
  return fail(Errc::not_found,
              concat("no message ", uid.value, " in ", folder, " of ", address,
                     ": 'mailwright "
                     "mailbox list ",
                     address, same_folder(folder, kInbox) ? "" : " --folder ",
                     same_folder(folder, kInbox) ? "" : folder, "' shows those there are"));
}

}  // namespace

Result<AccountId> MailboxService::account_of(const std::string& address) const {
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  if (const AccountRow* row = directory->account(address)) return row->id;
  if (const AliasRow* alias = directory->alias(address)) {
    std::string members;
    for (const std::string& member : alias->members) {
      append(members, members.empty() ? "" : ", ", member);
    }
    return fail(Errc::not_found, concat(address,
                                        " is an alias and has no mailbox: its mail is "
                                        "with ",
                                        members));
  }
  return fail(Errc::not_found, concat("no account ", address,
                                      " here: 'mailwright account list' "
                                      "shows all there are"));
}

Task<Result<std::vector<record::MailboxInfo>>> MailboxService::folders(std::string address) {
  MAIL_CO_TRY(const AccountId account, account_of(address));
  co_return co_await store_.mailboxes(account);
}

Task<Result<std::optional<MailboxId>>> MailboxService::find_folder(const std::string& address,
                                                                   const std::string& folder) {
  MAIL_CO_TRY(const std::vector<record::MailboxInfo> all, co_await folders(address));
  std::string names;
  for (const record::MailboxInfo& info : all) {
    if (same_folder(info.name, folder)) co_return info.id;
    append(names, names.empty() ? "" : ", ", info.name);
  }
  if (same_folder(folder, kInbox)) co_return std::nullopt;
  co_return fail(Errc::not_found,
                 concat("no folder ", folder, " in the mailbox of ", address,
                        names.empty() ? ", which is empty" : ": there are ", names));
}

Task<Result<MailboxService::Place>> MailboxService::find_entry(const std::string& address, Uid uid,
                                                               const std::string& folder) {
  MAIL_CO_TRY(const std::optional<MailboxId> mailbox, co_await find_folder(address, folder));
  if (!mailbox) co_return no_message(uid, address, folder);
  Result<record::MailboxEntry> entry = co_await store_.entry(*mailbox, uid);
  if (entry) co_return Place{*mailbox, std::move(*entry)};
  if (entry.error().code == Errc::not_found) co_return no_message(uid, address, folder);
  co_return std::unexpected(std::move(entry).error());
}

Task<Result<std::vector<record::MailboxEntry>>> MailboxService::list(std::string address,
                                                                     std::string folder) {
  MAIL_CO_TRY(const std::optional<MailboxId> mailbox, co_await find_folder(address, folder));
  std::vector<record::MailboxEntry> all;
  if (!mailbox) co_return all;
  for (Uid after{0};;) {
    MAIL_CO_TRY(std::vector<record::MailboxEntry> page,
                co_await store_.entries(*mailbox, after, kPage));
    if (page.empty()) co_return all;
    after = page.back().uid;
    for (record::MailboxEntry& entry : page) all.push_back(std::move(entry));
  }
}

Task<Result<ShownMessage>> MailboxService::show(std::string address, Uid uid, std::string folder) {
  MAIL_CO_TRY(Place place, co_await find_entry(address, uid, folder));
  ShownMessage shown{std::move(place.entry), {}};
  if (shown.entry.size > max_message_.value) {
    co_return fail(Errc::too_large,
                   concat("message ", uid.value, " of ", address, " has ", shown.entry.size,
                          " octets, at most ", max_message_.value, " are shown"));
  }
  shown.bytes.reserve(shown.entry.size);
  shown.bytes = shown.entry.added_fields;
  MAIL_CO_TRY(const record::Envelope envelope, co_await store_.envelope(shown.entry.message));
  MAIL_CO_TRY(co_await append_content(store_, envelope, shown.bytes));
  co_return shown;
}

Task<Result<void>> MailboxService::remove(std::string address, Uid uid, std::string folder) {
  MAIL_CO_TRY(const Place place, co_await find_entry(address, uid, folder));
  co_return co_await store_.remove_entries(place.mailbox, std::vector<Uid>(1, uid));
}

}  // namespace mail
