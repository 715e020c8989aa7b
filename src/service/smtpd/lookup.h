// What VRFY and EXPN say, from the directory's snapshot (RFC 5321 §3.5). Who may ask is the
// session's rule. Pure; any thread.
#pragma once

#include "codec/smtp/server_session.h"
#include "service/directory/directory.h"

namespace mail {

// A name without "@" is looked for in every local domain.
smtp::LookupVerdict look_up(const smtp::AskLookup& ask, const Directory& directory);

}  // namespace mail
