#include "service/neighbours/rspamd_judge.h"

#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "codec/rspamd/http.h"
#include "service/neighbours/rspamd_answer.h"
#include "service/neighbours/scan.h"

namespace mail {
namespace {

using Action = RspamdAnswer::Action;

class RspamdScan final : public Scan {
 public:
  RspamdScan(Neighbour& neighbour, const Case& of) : Scan(neighbour), case_(of) {}

 private:
  void append_begin(std::string& out) const override {
    rspamd::append_request(out, envelope(), std::nullopt);
  }
  void append_piece(std::string& out, std::string_view piece) const override {
    rspamd::append_chunk(out, piece);
  }
  void append_end(std::string& out) const override { rspamd::append_last_chunk(out); }

  void on_header(std::string_view block) override { seen_ = block; }
  Result<bool> consume(std::string_view bytes) override { return response_.consume(bytes); }
  Result<void> on_closed(Error) override { return response_.finish(); }
  Result<Verdict> conclude(Draft& draft) override;
  void forget() override {
    response_ = {};
    std::string().swap(seen_);
  }

  rspamd::Fields envelope() const;
  Result<Verdict> accept(RspamdAnswer answer, Draft& draft) const;

  const Case case_;
  rspamd::ResponseReader response_;
  std::string seen_;  // the header block
};

rspamd::Fields RspamdScan::envelope() const {
  const smtp::Client& client = case_.client;
  rspamd::Fields fields{{"From", concat('<', case_.transaction.reverse_path.to_string(), '>')},
                        {"Ip", client.peer.address.to_string()},
                        {"Helo", client.helo},
                        {"MTA-Name", case_.listener.hostname}};
  for (const smtp::TakenRecipient& recipient : case_.transaction.recipients) {
    fields.emplace_back("Rcpt", concat('<', recipient.to_string(), '>'));
  }
  if (!client.login.empty()) fields.emplace_back("User", client.login);
  if (client.tls) {
    fields.emplace_back("TLS-Version", client.tls->version);
    fields.emplace_back("TLS-Cipher", client.tls->cipher);
  }
  return fields;
}

Result<Verdict> RspamdScan::conclude(Draft& draft) {
  MAIL_TRY(RspamdAnswer answer, parse_rspamd_answer(response_.body()));
  std::string reason = concat(name(), " says ", answer.word);
  if (!answer.message.empty()) append(reason, ": ", answer.message);
  if (answer.score != 0) case_.evidence.signals.push_back({"rspamd", answer.score, reason});
  switch (answer.action) {
    case Action::reject:
      return Reject{std::move(reason), std::move(answer.message)};
    case Action::soft_reject:
      return Defer{std::move(reason), std::move(answer.message)};
    case Action::discard:
      return Discard{std::move(reason)};
    case Action::quarantine:
      return Hold{std::move(reason)};
    default:
      return accept(std::move(answer), draft);
  }
}

Result<Verdict> RspamdScan::accept(RspamdAnswer answer, Draft& draft) const {
  Accept accept;
  if (answer.action != Action::none) {
    accept.folder = "Junk";
    accept.tags.push_back(concat(name(), " ", answer.word));
    accept.added_fields = "X-Spam: Yes\r\n";
  }
  if (answer.action == Action::rewrite_subject && !answer.subject.empty()) {
    answer.changes.push_back(
        {HeaderChange::Kind::replace, 1, "Subject", concat(' ', answer.subject)});
  }
  MAIL_TRY(change_header(draft, seen_, answer.changes));
  return accept;
}

}  // namespace

std::unique_ptr<Hearing> RspamdJudge::open(const Case& of) {
  if (!neighbour_.hears(of.listener)) return nullptr;
  return std::make_unique<RspamdScan>(neighbour_, of);
}

}  // namespace mail
