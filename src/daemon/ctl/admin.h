// What the commands that work on the state are given, and how they answer. One coroutine per
// command, one file per noun; commands.cc has the table that names them.
// A handler runs on the executor that serves its connection (or on the command's own loop when the
// daemon does not run). Admin, request and output outlive the task.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/address.h"
#include "daemon/assembly/status.h"
#include "daemon/ctl/exit_code.h"
#include "daemon/ctl/protocol.h"
#include "daemon/settings/settings.h"
#include "platform/json/json.h"
#include "service/directory/control_store.h"
#include "service/feedback/report_store.h"
#include "service/mx/mx.h"
#include "service/queue/queue.h"
#include "service/signing/key_keeper.h"
#include "service/store/mail_store.h"

namespace mail::ctl {

// Standard output of the command. Back-pressure: returns when the reader has taken the bytes.
class Output {
 public:
  virtual ~Output() = default;
  virtual Task<Result<void>> write(std::string bytes) = 0;
};

// What the running server sends mail with, as it is now.
struct Outgoing {
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<const mx::MxWorld> mx;
  dns::Resolver& resolver;
};

struct Admin {
  ControlStore& control;
  MailStore& store;
  WorkerPool& pool;  // for what blocks: SQLite, password hashes
  const Clock& clock;
  // The following are empty where no daemon runs.
  std::function<ServerStatus()> status;
  Queue* queue = nullptr;
  std::function<Outgoing()> outgoing;
  signing::KeyKeeper* keeper = nullptr;
  feedback::ReportStore* reports = nullptr;
  std::filesystem::path state{};       // the folder; known without a daemon too
  const Settings* settings = nullptr;  // where no daemon runs
};

using Handler = Task<Answer> (*)(Admin& admin, const Request& request, Output& output);

Task<Answer> show_status(Admin& admin, const Request& request, Output& output);

Task<Answer> domain_add(Admin& admin, const Request& request, Output& output);
Task<Answer> domain_list(Admin& admin, const Request& request, Output& output);
Task<Answer> domain_remove(Admin& admin, const Request& request, Output& output);
Task<Answer> domain_dns(Admin& admin, const Request& request, Output& output);
Task<Answer> domain_dkim(Admin& admin, const Request& request, Output& output);

Task<Answer> account_add(Admin& admin, const Request& request, Output& output);
Task<Answer> account_list(Admin& admin, const Request& request, Output& output);
Task<Answer> account_passwd(Admin& admin, const Request& request, Output& output);
Task<Answer> account_disable(Admin& admin, const Request& request, Output& output);
Task<Answer> account_enable(Admin& admin, const Request& request, Output& output);
Task<Answer> account_grant(Admin& admin, const Request& request, Output& output);
Task<Answer> account_revoke(Admin& admin, const Request& request, Output& output);
Task<Answer> account_remove(Admin& admin, const Request& request, Output& output);

Task<Answer> app_password_add(Admin& admin, const Request& request, Output& output);
Task<Answer> app_password_list(Admin& admin, const Request& request, Output& output);
Task<Answer> app_password_remove(Admin& admin, const Request& request, Output& output);

Task<Answer> alias_add(Admin& admin, const Request& request, Output& output);
Task<Answer> alias_list(Admin& admin, const Request& request, Output& output);
Task<Answer> alias_remove(Admin& admin, const Request& request, Output& output);

Task<Answer> mailbox_list(Admin& admin, const Request& request, Output& output);
Task<Answer> mailbox_show(Admin& admin, const Request& request, Output& output);
Task<Answer> mailbox_delete(Admin& admin, const Request& request, Output& output);

Task<Answer> message_show(Admin& admin, const Request& request, Output& output);
Task<Answer> message_trace(Admin& admin, const Request& request, Output& output);
Task<Answer> message_raw(Admin& admin, const Request& request, Output& output);
Task<Answer> message_events(Admin& admin, const Request& request, Output& output);

Task<Answer> queue_list(Admin& admin, const Request& request, Output& output);
Task<Answer> queue_show(Admin& admin, const Request& request, Output& output);
Task<Answer> queue_retry(Admin& admin, const Request& request, Output& output);
Task<Answer> queue_hold(Admin& admin, const Request& request, Output& output);
Task<Answer> queue_release(Admin& admin, const Request& request, Output& output);
Task<Answer> queue_bounce(Admin& admin, const Request& request, Output& output);
Task<Answer> explain(Admin& admin, const Request& request, Output& output);

Task<Answer> report_list(Admin& admin, const Request& request, Output& output);
Task<Answer> report_show(Admin& admin, const Request& request, Output& output);

Task<Answer> store_check(Admin& admin, const Request& request, Output& output);
Task<Answer> store_backup(Admin& admin, const Request& request, Output& output);
Task<Answer> store_export(Admin& admin, const Request& request, Output& output);
Task<Answer> store_import(Admin& admin, const Request& request, Output& output);
Task<Answer> store_forget(Admin& admin, const Request& request, Output& output);
Task<Answer> store_salvage(Admin& admin, const Request& request, Output& output);

// Helpers of the handlers.
Task<Answer> print(Output& output, std::string text);
Task<Answer> print_json(Output& output, json::Value value);  // one line

// Prints an array with one row a line, however long it gets; give the rows to add().
class JsonRows {
 public:
  explicit JsonRows(Output& output) : output_(output) {}
  Task<Answer> add(json::Value row);
  Task<Answer> finish();

 private:
  Output& output_;
  std::string waiting_ = "[";
  bool first_ = true;
};

std::expected<MessageId, Refusal> parse_message_id(std::string_view text);
Result<Mailbox> parse_account_address(std::string_view text);
Result<Domain> parse_domain(std::string_view text);
// A domain that is here; refused with what to do where it is not.
std::expected<Domain, Refusal> find_domain(const Admin& admin, std::string_view text);
// The account an address names; refused with what to do where there is none.
std::expected<AccountRow, Refusal> find_account(const Admin& admin, std::string_view address);

}  // namespace mail::ctl
