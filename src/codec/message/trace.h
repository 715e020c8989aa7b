// Fields that a server writes: Received, Return-Path, Delivered-To, Date (RFC 5321 §4.4, RFC 5322
// §3.3). Pure. Every value is checked again as it is written: CR, LF and controls never pass.
// Addresses may have UTF-8 in their local part (RFC 6531 §3.7.3); domains stand in A-labels, so
// that mail which needs no SMTPUTF8 but for our fields does not need it for them either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/address/address.h"
#include "codec/address/ip_address.h"

namespace mail::message {

struct ReceivedFacts {
  std::string_view helo;
  const IpAddress* client = nullptr;  // null: masked (submission, security.md 60)
  std::string_view by;                // our hostname
  std::string_view protocol;          // "ESMTPSA"
  std::string_view tls;               // "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty without
  MessageId id;
  int priority = 0;            // told where it is not 0 (RFC 6710 §7)
  std::string_view recipient;  // only when there is exactly one; else empty
  WallTime at;
};
void append_received(std::string& out, const ReceivedFacts& facts);  // folded, ends in CRLF
void append_return_path(std::string& out, std::string_view reverse_path);
void append_delivered_to(std::string& out, std::string_view address);
void append_date(std::string& out, WallTime at);  // "Sat, 21 Nov 2026 22:15:48 +0000"
std::string iso_date(WallTime at);                // "2026-11-21T22:15:48.123Z" for logs and JSON

}  // namespace mail::message
