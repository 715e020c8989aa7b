// All mail of all mailboxes of a state directory, for whoever kept a ledger: for each a line
// "ACCOUNT UID SIZE", then SIZE octets. Fast, where a command for each message would take minutes.
#include <iostream>

#include "base/executor.h"
#include "base/text.h"
#include "programs.h"
#include "service/store/rocks_mail_store.h"

namespace mail::crash {
namespace {

template <typename T>
T run(Task<T> task) {
  LoopExecutor loop;
  return block_on(loop, std::move(task));
}

Result<std::string> content_of(MailStore& store, MessageId id) {
  MAIL_TRY(const record::Envelope envelope, run(store.envelope(id)));
  std::string content;
  for (;;) {
    MAIL_TRY(const std::string part, run(store.read_body(envelope.body, content.size())));
    if (part.empty()) return content;
    content += part;
  }
}

Result<void> dump_all(MailStore& store, std::size_t accounts) {
  for (std::size_t account = 1; account <= accounts; ++account) {
    MAIL_TRY(const auto boxes, run(store.mailboxes(AccountId{account})));
    for (const record::MailboxInfo& box : boxes) {
      MAIL_TRY(const auto entries, run(store.entries(box.id, Uid{0}, 10'000'000)));
      for (const record::MailboxEntry& entry : entries) {
        MAIL_TRY(const std::string content, content_of(store, entry.message));
        std::cout << account << ' ' << entry.uid.value << ' ' << content.size() << '\n' << content;
      }
    }
  }
  return {};
}

}  // namespace

int dump(const std::filesystem::path& state, std::size_t accounts) {
  const SystemClock clock;
  const auto store = RocksMailStore::open(state, clock);
  const Result<void> done = store ? dump_all(**store, accounts) : std::unexpected(store.error());
  if (!done) std::cerr << describe(done.error()) << '\n';
  return done ? 0 : 1;
}

}  // namespace mail::crash
