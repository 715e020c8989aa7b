// RSET, NOOP, HELP, QUIT (RFC 5321 §4.1.1.5-10): commands that carry no mail are
// counted.
#include "codec/smtp/server_session.h"

namespace mail::smtp {

void ServerSession::on_rset(std::string_view argument) {
  if (!argument.empty()) return refuse(kBadArguments);
  if (is_junk()) return;
  end_transaction();
  send(kReset);
}

void ServerSession::on_noop() {  // its argument is ignored (RFC 5321 §4.1.1.9)
  if (!is_junk()) send(kNoop);
}

void ServerSession::on_help() {
  if (!is_junk()) send(kHelp);
}

void ServerSession::on_quit(std::string_view argument) {
  if (!argument.empty()) return refuse(kBadArguments);
  refuse_and_close(kBye);
}

}  // namespace mail::smtp
