#include "daemon/ctl/admin.h"

#include "base/text.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"

namespace mail::ctl {
namespace {
constexpr std::size_t kWriteAt = std::size_t{64} << 10;
}

Task<Answer> print(Output& output, std::string text) {
  MAIL_CO_TRY(co_await output.write(std::move(text)));
  co_return Answer{};
}

Task<Answer> print_json(Output& output, json::Value value) {
  std::string line = json::to_string(value);
  line += '\n';
  co_return co_await print(output, std::move(line));
}

Task<Answer> JsonRows::add(json::Value row) {
  waiting_ += first_ ? "\n" : ",\n";
  first_ = false;
  json::append_value(waiting_, row);
  if (waiting_.size() < kWriteAt) co_return Answer{};
  co_return co_await print(output_, std::exchange(waiting_, {}));
}

Task<Answer> JsonRows::finish() {
  waiting_ += first_ ? "]\n" : "\n]\n";
  co_return co_await print(output_, std::exchange(waiting_, {}));
}

std::expected<MessageId, Refusal> parse_message_id(std::string_view text) {
  const Result<MessageId> id = MessageId::parse(text);
  if (id) return *id;
  return refuse(Exit::bad_data,
                concat('`', printable(text),
                       "` is no message id: those have 16 characters, as in the reply `250 2.0.0 "
                       "<id>` and in the Received field."));
}

Result<Mailbox> parse_account_address(std::string_view text) {
  Result<Mailbox> mailbox = Mailbox::parse(text, &idn::kFunctions);
  if (!mailbox || mailbox->domain.empty()) {
    return fail(Errc::bad_syntax, concat('`', printable(text),
                                         "` is no mail address; write it like jerry@yahoo.test"));
  }
  return mailbox;
}

std::expected<AccountRow, Refusal> find_account(const Admin& admin, std::string_view address) {
  MAIL_TRY(const Mailbox mailbox, parse_account_address(address));
  const std::shared_ptr<const Directory> directory = admin.control.snapshot();
  const AccountRow* row = directory->account(mailbox.key());
  if (row != nullptr) return *row;
  return refuse(Exit::no_user, concat("There is no account ", mailbox.to_string(),
                                      ". `mailwright account list` shows those there are."));
}

}  // namespace mail::ctl
