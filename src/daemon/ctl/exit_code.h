// Exit codes of the command line (sysexits.h), and what a refused command says.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/result.h"

namespace mail::ctl {

enum class Exit : std::uint8_t {
  ok = 0,
  usage = 64,
  bad_data = 65,
  no_input = 66,     // no such message, mailbox entry or file
  no_user = 67,      // no such domain, account or alias
  unavailable = 69,  // the daemon does not run
  software = 70,
  os = 71,
  cannot_create = 73,  // it is there already, or its folder cannot be written
  io = 74,
  try_later = 75,
  not_permitted = 77,
  config = 78,
};

// Why a command did not do its work: what happened, why, and what to do, in one or more lines.
struct Refusal {
  Exit exit = Exit::software;
  std::string text;

  Refusal(Exit code, std::string sentence) : exit(code), text(std::move(sentence)) {}
  Refusal(const Error& error);  // so that MAIL_CO_TRY passes an Error on
};
using Answer = std::expected<void, Refusal>;

inline std::unexpected<Refusal> refuse(Exit exit, std::string text) {
  return std::unexpected(Refusal(exit, std::move(text)));
}

Exit exit_of(Errc code);

}  // namespace mail::ctl
