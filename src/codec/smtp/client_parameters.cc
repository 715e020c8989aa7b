#include "codec/smtp/client_parameters.h"

#include <algorithm>

#include "base/text.h"
#include "codec/address/address.h"
#include "codec/address/utf8.h"

namespace mail::smtp {

namespace {

// Security.md 25: what is written was validated here, whatever others have done to it. The parser
// takes no control character and, beyond ASCII, whole UTF-8 only.
bool is_address(std::string_view text) { return Mailbox::parse(text).has_value(); }

// RFC 3461 §4.2, §4.4: as long as they may be, encoded. Longer ones are left out: a hop would
// refuse the command, and with it the mail.
constexpr std::size_t kMaxOriginal = 500;
constexpr std::size_t kMaxEnvid = 100;

std::int64_t seconds_left(const DeliverBy& by, WallTime now) {
  const Milliseconds left = by.until - now;
  return std::chrono::duration_cast<std::chrono::seconds>(left).count();
}

// RFC 2852 §4.1.4.1: what must be delivered in time or returned goes nowhere else.
std::optional<Unfit> unfit_for_time(const DeliverBy& by, WallTime now, const Extensions& hop) {
  if (by.mode != DeliverBy::Mode::return_) return std::nullopt;
  if (!hop.deliver_by) {
    return Unfit{"5.4.7", "the server can not promise to deliver by a time (DELIVERBY)"};
  }
  const std::int64_t left = seconds_left(by, now);
  if (left <= 0 || left < hop.least_by) {
    return Unfit{"5.4.7", concat("too little time is left to deliver in: ", left, " s")};
  }
  return std::nullopt;
}

// RFC 8689 §4.2.1
std::optional<Unfit> unfit_for_secrecy(const Extensions& hop, HopTrust trust) {
  if (!trust.encrypted || !trust.verified) {
    return Unfit{"5.7.10", "the sender requires TLS with the server's own certificate"};
  }
  if (!hop.require_tls) return Unfit{"5.7.30", "the server does not support REQUIRETLS"};
  return std::nullopt;
}

// utf-8-addr-xtext (RFC 6533 §3). A byte that is no UTF-8 is written as if it were a character.
void append_utf8_xtext(std::string& out, std::string_view address) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (std::size_t i = 0; i < address.size(); ++i) {
    const char c = address[i];
    if (c >= '!' && c <= '~' && c != '+' && c != '=' && c != '\\') {
      out += c;
      continue;
    }
    const std::size_t size = utf8_character(address.substr(i));
    std::uint32_t point = static_cast<unsigned char>(c);
    if (size > 1) {
      point &= 0xFFU >> (size + 1);
      for (std::size_t k = 1; k < size; ++k) {
        point = (point << 6) | (static_cast<unsigned char>(address[i + k]) & 0x3FU);
      }
      i += size - 1;
    }
    std::string digits;
    for (; point != 0 || digits.size() < 2; point >>= 4) digits.insert(0, 1, kHex[point & 15]);
    append(out, "\\x{", digits, '}');
  }
}

// ORCPT: "rfc822;" with xtext (RFC 3461 §4.2), "utf-8;" with utf-8-addr-xtext, which every server
// with DSN takes, one without SMTPUTF8 too (RFC 6533 §3).
void append_original(std::string& line, std::string_view original) {
  const std::size_t semicolon = original.find(';');
  const std::string_view type = original.substr(0, semicolon);
  const bool atom =
      !type.empty() && std::ranges::all_of(type, [](char c) { return is_alnum(c) || c == '-'; });
  // However well hidden, a control character would come out again in somebody's DSN.
  const bool plain = std::ranges::none_of(
      original, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
  if (semicolon == std::string_view::npos || !atom || !plain) return;
  const std::string_view address = original.substr(semicolon + 1);
  std::string out = concat(type, ';');
  if (iequals(type, "utf-8")) {
    append_utf8_xtext(out, address);
  } else {
    append_xtext(out, address);
  }
  if (out.size() <= kMaxOriginal) append(line, " ORCPT=", out);
}

void append_notify(std::string& out, Notify notify) {
  if (notify.never()) {
    out += " NOTIFY=NEVER";
    return;
  }
  char before = '=';
  const auto add = [&](bool wanted, std::string_view word) {
    if (!wanted) return;
    append(out, before == '=' ? " NOTIFY" : "", before, word);
    before = ',';
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
}

}  // namespace

std::optional<Unfit> unfit_message(const OutgoingMail& mail, const Extensions& hop,
                                   HopTrust trust) {
  const MailOptions& options = mail.options;
  const bool ascii = is_ascii(mail.reverse_path);
  const bool writable =
      mail.reverse_path.empty() || ((ascii || options.smtputf8) && is_address(mail.reverse_path));
  if (!writable) return Unfit{"5.1.7", "the sender's address can not be written in SMTP"};
  // RFC 6531 §3.5
  if (options.smtputf8 && !hop.smtputf8) {
    if (!ascii) {
      return Unfit{"5.6.7", "the sender's address needs SMTPUTF8, which the server does not have"};
    }
    if (mail.utf8_header) {
      return Unfit{"5.6.9", "the header needs SMTPUTF8, which the server does not have"};
    }
  }
  // RFC 6152 §3, RFC 3030 §3: content is not converted, it goes back.
  if (options.body == BodyType::eight_bit_mime && !hop.eight_bit_mime) {
    return Unfit{"5.6.3", "the message has 8-bit content and the server does not take any"};
  }
  if (options.body == BodyType::binary_mime && !(hop.binary_mime && hop.chunking)) {
    return Unfit{"5.6.3", "the message has binary content and the server does not take any"};
  }
  // RFC 1870 §6.1
  if (hop.max_size && mail.size > *hop.max_size) {
    return Unfit{"5.3.4", concat("the message has ", mail.size, " octets and the server takes ",
                                 *hop.max_size)};
  }
  if (options.require_tls) {
    if (auto unfit = unfit_for_secrecy(hop, trust)) return unfit;
  }
  return options.deliver_by ? unfit_for_time(*options.deliver_by, mail.now, hop) : std::nullopt;
}

std::optional<Unfit> unfit_recipient(const Recipient& recipient, const MailOptions& options,
                                     const Extensions& hop) {
  const bool ascii = is_ascii(recipient.address);
  // RFC 5321 §4.1.1.3: postmaster needs no domain.
  const bool writable = iequals(recipient.address, "postmaster") ||
                        ((ascii || options.smtputf8) && is_address(recipient.address));
  if (!writable) return Unfit{"5.1.3", "the address can not be written in SMTP"};
  if (!ascii && !hop.smtputf8) {
    return Unfit{"5.6.7", "the address needs SMTPUTF8, which the server does not have"};
  }
  return std::nullopt;
}

void append_mail_command(std::string& out, const OutgoingMail& mail, const Extensions& hop,
                         bool utf8) {
  const MailOptions& options = mail.options;
  append(out, "MAIL FROM:<", mail.reverse_path, '>');
  if (hop.size && mail.size > 0) append(out, " SIZE=", mail.size);
  if (options.body == BodyType::eight_bit_mime) out += " BODY=8BITMIME";
  if (options.body == BodyType::binary_mime) out += " BODY=BINARYMIME";
  if (utf8) out += " SMTPUTF8";
  if (options.require_tls) out += " REQUIRETLS";
  if (hop.dsn && options.ret != Ret::unsaid) {
    out += options.ret == Ret::full ? " RET=FULL" : " RET=HDRS";
  }
  if (hop.dsn && !options.envid.empty()) {
    std::string envid;
    append_xtext(envid, options.envid);
    if (envid.size() <= kMaxEnvid) append(out, " ENVID=", envid);
  }
  if (hop.mt_priority && options.priority != 0) {  // RFC 6710 §4.2
    append(out, " MT-PRIORITY=", static_cast<int>(options.priority));
  }
  if (hop.deliver_by && options.deliver_by) {  // RFC 2852 §4: nine digits
    constexpr std::int64_t kMost = 999'999'999;
    append(out, " BY=", std::clamp(seconds_left(*options.deliver_by, mail.now), -kMost, kMost), ';',
           options.deliver_by->mode == DeliverBy::Mode::return_ ? 'R' : 'N',
           options.deliver_by->trace ? "T" : "");
  }
  out += "\r\n";
}

void append_recipient_command(std::string& out, const Recipient& recipient,
                              const MailOptions& options, const Extensions& hop) {
  append(out, "RCPT TO:<", recipient.address, '>');
  if (hop.dsn) {
    Notify notify = recipient.notify;
    // RFC 2852 §4.1.4.2: the next hop is to tell of the delay that we can not watch any more.
    if (options.deliver_by && !hop.deliver_by && !notify.never()) {
      notify = {.said = true,
                .success = notify.success,
                .failure = notify.wants_failure(),
                .delay = true};
    }
    append_notify(out, notify);
    if (!recipient.original.empty()) append_original(out, recipient.original);
  }
  out += "\r\n";
}

}  // namespace mail::smtp
