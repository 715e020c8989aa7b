#include "daemon/ctl/exit_code.h"

#include "base/text.h"

namespace mail::ctl {

Exit exit_of(Errc code) {
  switch (code) {
    case Errc::bad_syntax:
    case Errc::too_large:
    case Errc::invalid_argument:
    case Errc::store_corrupt:
      return Exit::bad_data;
    case Errc::not_found:
      return Exit::no_user;
    case Errc::already_exists:
      return Exit::cannot_create;
    case Errc::not_allowed:
      return Exit::not_permitted;
    case Errc::closed:
    case Errc::unavailable:
      return Exit::unavailable;
    case Errc::deadline_exceeded:
    case Errc::overloaded:
    case Errc::storage_full:
    case Errc::store_unhealthy:
    case Errc::tls_failed:
      return Exit::try_later;
    case Errc::io_error:
      return Exit::io;
    case Errc::store_newer:
      return Exit::config;
  }
  return Exit::software;
}

namespace {

std::string_view remedy(Errc code) {
  switch (code) {
    case Errc::overloaded:
      return " Try again in a moment.";
    case Errc::storage_full:
      return " Free disk space, then try again.";
    case Errc::store_unhealthy:
      return " The store is closed until it was checked; `mailwright status` shows when it is "
             "open.";
    case Errc::store_corrupt:
      return " `mailwright store check` lists what is damaged, and the rest goes on; a store that "
             "does not open needs a backup.";
    case Errc::store_newer:
      return " Start the version of Mailwright that wrote it, or a newer one.";
    default:
      return "";
  }
}

}  // namespace

Refusal::Refusal(const Error& error) : exit(exit_of(error.code)), text(error.detail) {
  if (text.empty()) text = to_string(error.code);
  if (text.back() != '.' && text.back() != '\n') text += '.';
  if (!text.contains("`mailwright ")) text += remedy(error.code);  // it says itself what to do
}

}  // namespace mail::ctl
