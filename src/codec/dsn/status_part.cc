#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dsn/clean.h"
#include "codec/dsn/dsn.h"
#include "codec/dsn/parts.h"
#include "codec/dsn/reason.h"
#include "codec/message/trace.h"

namespace mail::dsn {
namespace {

constexpr std::size_t kMaxDiagnostic = 4096;

std::string_view name_of(Action action) {
  switch (action) {
    case Action::failed:
      return "failed";
    case Action::delayed:
      return "delayed";
    case Action::delivered:
      return "delivered";
    case Action::relayed:
      return "relayed";
    case Action::expanded:
      return "expanded";
  }
  return "failed";
}

void append_date_field(std::string& out, std::string_view name, WallTime at) {
  append(out, name, ": ");
  message::append_date(out, at);
  out.append("\r\n");
}

// RFC 3461 §6.3 b: "dns" only in front of a full name, or (§9.3) of an address literal.
std::string typed_host(std::string_view host) {
  const std::string name = clean_host(host);
  const bool full = name.find('.') != std::string::npos || name.starts_with('[');
  return concat(full ? "dns; " : "x-local-hostname; ", name);
}

// "type; address" in the form this kind of part can carry (RFC 6533 §3).
std::string typed_address(std::string_view type, std::string_view address, bool utf8) {
  const std::string text = clean_address(address);
  const bool ascii = is_ascii(text);
  if (ascii && !iequals(type, "utf-8")) return concat(type, "; ", text);
  return concat("utf-8; ", utf8 ? text : unitext(text));
}

// ORCPT is "type;address" (RFC 3461 §4.2).
std::string original_recipient(std::string_view orcpt, bool utf8) {
  const std::size_t at = orcpt.find(';');
  if (at == std::string_view::npos) return typed_address("rfc822", orcpt, utf8);
  const std::string_view type = orcpt.substr(0, at);
  const bool atom = !type.empty() && type.size() <= 64 &&
                    std::ranges::all_of(type, [](char c) { return is_alnum(c) || c == '-'; });
  // RFC 3464 §2.3.1: "unknown" where the type cannot be told.
  return typed_address(atom ? type : "unknown", trim(orcpt.substr(at + 1)), utf8);
}

// RFC 3464 §2.3.5: the name, where there is one; RFC 3461 §9.3 has the literal.
std::string remote_mta(const RecipientReport& recipient) {
  if (!recipient.remote_host.empty()) return concat("dns; ", clean_host(recipient.remote_host));
  return concat("dns; [", clean_host(recipient.remote_address), ']');
}

void append_recipient(std::string& out, const RecipientReport& recipient, bool utf8) {
  out.append("\r\n");
  // RFC 3461 §6.3 d: only where ORCPT was given.
  if (!recipient.original.empty()) {
    append_field(out, "Original-Recipient", original_recipient(recipient.original, utf8));
  }
  append_field(out, "Final-Recipient", typed_address("rfc822", recipient.recipient, utf8));
  append_field(out, "Action", name_of(recipient.action));
  append_field(out, "Status", status_of(recipient));
  // RFC 3464 §2.3.6: Remote-MTA says that the diagnostic is that host's, so it is not written above
  // words of our own.
  const bool remote_named = !recipient.remote_host.empty() || !recipient.remote_address.empty();
  if (remote_named && (recipient.diagnostic_is_smtp || recipient.diagnostic.empty())) {
    append_field(out, "Remote-MTA", remote_mta(recipient));
  }
  const std::string diagnostic = clean_text(recipient.diagnostic, kMaxDiagnostic);
  if (!diagnostic.empty()) {
    append_field(out, "Diagnostic-Code",
                 concat(recipient.diagnostic_is_smtp ? "smtp; " : "x-mailwright; ",
                        utf8 ? diagnostic : as_ascii(diagnostic)));
  }
  if (recipient.last_attempt != WallTime{}) {
    append_date_field(out, "Last-Attempt-Date", recipient.last_attempt);
  }
  // RFC 3464 §2.3.9: in no other.
  if (recipient.action == Action::delayed && recipient.will_retry_until) {
    append_date_field(out, "Will-Retry-Until", *recipient.will_retry_until);
  }
}

}  // namespace

std::string status_part(const Report& report) {
  const bool utf8 = report.options.smtputf8;
  std::string out;
  // RFC 3464 §2.2.1: as it was given, not as xtext, its spelling kept; it is printable ASCII.
  if (!report.options.envid.empty()) {
    append_field(out, "Original-Envelope-Id", as_ascii(clean_address(report.options.envid)));
  }
  append_field(out, "Reporting-MTA", typed_host(report.reporting_host));
  append_date_field(out, "Arrival-Date", report.arrived);
  // RFC 4865 §5.1.2
  if (!report.options.hold.empty()) {
    append_field(out, "Future-Release-Request", as_ascii(clean_text(report.options.hold, 64)));
  }
  for (const RecipientReport& recipient : report.recipients) {
    append_recipient(out, recipient, utf8);
  }
  return out;
}

}  // namespace mail::dsn
