// Every reply an SMTP server of ours gives, in one catalogue: text is chosen here and nowhere else.
// Enhanced codes: RFC 3463, RFC 5248; the greeting, replies to HELO and EHLO and 3xx have none
// (RFC 2034 §4). Parts that vary (hostname, id, challenge) are put in by the functions below.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/text.h"

namespace mail::smtp {

struct Reply {
  std::string_view text;  // one line, without CRLF
  constexpr bool is_permanent() const { return text.front() == '5'; }
};

// 2xx
inline constexpr Reply kSenderTaken{"250 2.1.0 Sender taken"};
// RFC 6710 §4.1: the text begins with the new priority.
inline constexpr Reply kPriorityLowered{"250 2.3.6 0 is the priority of this message"};
inline constexpr Reply kRecipientTaken{"250 2.1.5 Recipient taken"};
inline constexpr Reply kChunkTaken{"250 2.0.0 Chunk taken"};
inline constexpr Reply kReset{"250 2.0.0 Reset"};
inline constexpr Reply kNoop{"250 2.0.0 Fine"};
inline constexpr Reply kHelp{
    "214 2.0.0 Commands: EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT, see RFC 5321"};
inline constexpr Reply kBye{"221 2.0.0 Bye"};
inline constexpr Reply kNotHttp{"221 2.7.0 This is SMTP, not HTTP"};
inline constexpr Reply kReadyForTls{"220 2.0.0 Ready for TLS"};
inline constexpr Reply kLoggedIn{"235 2.7.0 Logged in"};
inline constexpr Reply kNotVerified{"252 2.5.0 Not verified; send mail and see"};
inline constexpr Reply kListTooLong{"252 2.5.0 Too many members to name"};
// RFC 6531 §3.7.4.2
inline constexpr Reply kNamedInUtf8{"252 2.6.8 Say SMTPUTF8 to be told the address"};
// 3xx
inline constexpr Reply kSendData{"354 Send the message, end with a line holding only a dot"};
// 4xx
inline constexpr Reply kTimedOut{"421 4.4.2 Waited too long, closing"};
inline constexpr Reply kShuttingDown{"421 4.3.2 Service not available, closing"};
inline constexpr Reply kTooManyErrors{"421 4.7.0 Too many errors, closing"};
inline constexpr Reply kTooManyJunk{"421 4.7.0 Too many commands without mail, closing"};
inline constexpr Reply kLineEndless{"421 4.7.0 Too much in lines over the limit, closing"};
inline constexpr Reply kEnoughMessages{"421 4.7.0 Enough messages in one session, closing"};
inline constexpr Reply kTooManyMessages{"421 4.7.0 Too many messages, come back later"};
inline constexpr Reply kTooManyLogins{"421 4.7.0 Too many failed logins, come back later"};
inline constexpr Reply kTlsNotNow{"454 4.7.0 TLS not available now"};
inline constexpr Reply kLoginNotNow{"454 4.7.0 Can not check the login now"};
inline constexpr Reply kTryLater{"451 4.3.0 Not possible now, try again later"};
inline constexpr Reply kAccountUsedUp{
    "450 4.7.0 Too many recipients from this account, come back later"};
inline constexpr Reply kSenderTooFast{
    "450 4.7.1 Too many messages from that sender, come back later"};
inline constexpr Reply kMailboxFlooded{
    "450 4.2.1 That mailbox gets too many messages now, come back later"};
inline constexpr Reply kHarvesting{"450 4.7.1 Too many unknown recipients, come back later"};
inline constexpr Reply kMailboxFull{"452 4.2.2 Mailbox full"};
inline constexpr Reply kHopUnreachable{"451 4.4.1 The next server is not reached, try again later"};
inline constexpr Reply kHopSilent{"451 4.4.2 The next server does not answer, try again later"};
inline constexpr Reply kGoesElsewhere{
    "452 4.5.3 Goes another way, send to it in another transaction"};
inline constexpr Reply kStorageFull{"452 4.3.1 Not enough space"};
inline constexpr Reply kTooManyRecipients{"452 4.5.3 Too many recipients, send the rest later"};
inline constexpr Reply kTooManyDomains{
    "452 4.5.3 Too many recipient domains, send the rest in another session"};
// 5xx: syntax and order
inline constexpr Reply kUnknownCommand{"500 5.5.2 Unknown command"};
inline constexpr Reply kLineTooLong{"500 5.5.2 Line too long"};
inline constexpr Reply kAuthLineTooLong{"500 5.5.6 Response too long"};
inline constexpr Reply kControlByte{
    "500 5.5.2 Control byte or bare line end in a command, closing"};
inline constexpr Reply kHeloSyntax{"501 One host name or address literal, please"};  // no code
inline constexpr Reply kBadArguments{"501 5.5.4 Arguments missing or too many"};
inline constexpr Reply kBadChunk{"501 5.5.4 Can not read the size of the chunk, closing"};
inline constexpr Reply kBadParameter{"501 5.5.4 Bad value of a parameter"};
inline constexpr Reply kBadPriority{"501 5.5.2 Bad priority"};
inline constexpr Reply kBadTimes{"501 5.5.4 Held too long, or until after it must be there"};
inline constexpr Reply kBadSender{"501 5.1.7 Bad syntax of the sender's address"};
inline constexpr Reply kBadRecipient{"501 5.1.3 Bad syntax of the recipient's address"};
inline constexpr Reply kBadBase64{"501 5.5.2 Can not decode the response"};
inline constexpr Reply kLoginCancelled{"501 5.7.0 Login cancelled"};
inline constexpr Reply kNoInitialResponse{"501 5.7.0 No initial response with this mechanism"};
inline constexpr Reply kExpnOff{"502 5.5.1 EXPN not available"};
inline constexpr Reply kBdatOff{"502 5.5.1 BDAT not available"};
inline constexpr Reply kStartTlsOff{"502 5.5.1 STARTTLS not available"};
inline constexpr Reply kAuthOff{"502 5.5.1 AUTH not available"};
inline constexpr Reply kHelloFirst{"503 5.5.1 EHLO or HELO first"};
inline constexpr Reply kMailFirst{"503 5.5.1 MAIL first"};
inline constexpr Reply kRecipientFirst{"503 5.5.1 No recipient taken, RCPT first"};
inline constexpr Reply kChunkFailed{"503 5.5.1 An earlier chunk failed, RSET or MAIL first"};
inline constexpr Reply kDataAfterChunk{"503 5.5.1 Content came by BDAT already, no DATA now"};
inline constexpr Reply kRecipientAfterChunk{
    "503 5.5.1 Content came by BDAT already, no more recipients"};
inline constexpr Reply kBinaryByData{"503 5.5.1 BODY=BINARYMIME is sent by BDAT only"};
inline constexpr Reply kSenderTwice{"503 5.5.1 Sender given already"};
inline constexpr Reply kLoggedInAlready{"503 5.5.1 Logged in already"};
inline constexpr Reply kNoLoginNow{"503 5.5.1 No login within a transaction"};
inline constexpr Reply kMechanismUnknown{"504 5.5.4 Mechanism not available"};
inline constexpr Reply kTlsFirst{"530 5.7.0 STARTTLS first"};
inline constexpr Reply kTlsFirstForHelo{"530 STARTTLS first"};  // a reply to HELO has no code
inline constexpr Reply kLoginFirst{"530 5.7.0 Log in first"};
inline constexpr Reply kLoginWrong{"535 5.7.8 User or password wrong"};
inline constexpr Reply kTlsAlready{"554 5.5.1 TLS is on already"};
inline constexpr Reply kInputBehind{"554 5.5.0 Input behind a command that must be waited for"};
inline constexpr Reply kUnknownParameter{"555 5.5.4 Parameter not known here"};
inline constexpr Reply kSenderNotAscii{"550 5.6.7 Say SMTPUTF8 to use that sender"};
inline constexpr Reply kRecipientNotAscii{"553 5.6.7 MAIL without SMTPUTF8, so no such recipient"};
// 5xx: policy and content
inline constexpr Reply kUnknownUser{"550 5.1.1 No such mailbox"};
inline constexpr Reply kNoList{"550 5.2.4 Not a list of ours"};
inline constexpr Reply kRelayDenied{"550 5.7.1 No mail for that domain from you"};
inline constexpr Reply kRecipientRefused{"550 5.7.1 Recipient refused"};
inline constexpr Reply kSenderNotOwned{"550 5.7.1 That sender is not yours"};
inline constexpr Reply kSenderRefused{"550 5.7.1 Sender refused"};
inline constexpr Reply kMessageRefused{"550 5.7.1 Message refused"};
inline constexpr Reply kBareLineEnd{"550 5.5.2 Bare CR or LF in the message, closing"};
inline constexpr Reply kBareLineEndInChunk{"550 5.5.2 Bare CR or LF in the message"};
inline constexpr Reply kSeveralFrom{"550 5.6.0 Several From fields"};
inline constexpr Reply kTooLarge{"552 5.3.4 Message too large"};
inline constexpr Reply kTooManyChunks{"552 5.3.4 Too many chunks"};
inline constexpr Reply kHeaderTooLarge{"552 5.3.4 Header too large"};
inline constexpr Reply kNoEightBit{"554 5.6.3 The next server takes no 8-bit content"};
inline constexpr Reply kTooManyHops{"554 5.4.6 Too many Received fields, a loop"};
inline constexpr Reply kBadFrom{"554 5.6.0 The message needs one valid From field"};

inline constexpr auto kCatalogue = std::to_array<Reply>({
    kSenderTaken,
    kPriorityLowered,
    kRecipientTaken,
    kChunkTaken,
    kReset,
    kNoop,
    kHelp,
    kBye,
    kNotHttp,
    kReadyForTls,
    kLoggedIn,
    kNotVerified,
    kListTooLong,
    kNamedInUtf8,
    kSendData,
    kTimedOut,
    kShuttingDown,
    kTooManyErrors,
    kTooManyJunk,
    kLineEndless,
    kEnoughMessages,
    kTooManyMessages,
    kTooManyLogins,
    kTlsNotNow,
    kLoginNotNow,
    kTryLater,
    kAccountUsedUp,
    kSenderTooFast,
    kMailboxFlooded,
    kHarvesting,
    kMailboxFull,
    kHopUnreachable,
    kHopSilent,
    kGoesElsewhere,
    kStorageFull,
    kTooManyRecipients,
    kTooManyDomains,
    kUnknownCommand,
    kLineTooLong,
    kAuthLineTooLong,
    kControlByte,
    kHeloSyntax,
    kBadArguments,
    kBadChunk,
    kBadParameter,
    kBadPriority,
    kBadTimes,
    kBadSender,
    kBadRecipient,
    kBadBase64,
    kLoginCancelled,
    kNoInitialResponse,
    kExpnOff,
    kBdatOff,
    kStartTlsOff,
    kAuthOff,
    kHelloFirst,
    kMailFirst,
    kRecipientFirst,
    kChunkFailed,
    kDataAfterChunk,
    kRecipientAfterChunk,
    kBinaryByData,
    kSenderTwice,
    kLoggedInAlready,
    kNoLoginNow,
    kMechanismUnknown,
    kTlsFirst,
    kTlsFirstForHelo,
    kLoginFirst,
    kLoginWrong,
    kTlsAlready,
    kInputBehind,
    kUnknownParameter,
    kSenderNotAscii,
    kRecipientNotAscii,
    kUnknownUser,
    kNoList,
    kRelayDenied,
    kRecipientRefused,
    kSenderNotOwned,
    kSenderRefused,
    kMessageRefused,
    kBareLineEnd,
    kBareLineEndInChunk,
    kSeveralFrom,
    kTooLarge,
    kTooManyChunks,
    kHeaderTooLarge,
    kNoEightBit,
    kTooManyHops,
    kBadFrom,
});

inline void append_reply(std::string& out, Reply reply) { append(out, reply.text, "\r\n"); }

// The four ways to begin; none has an enhanced code (RFC 2034 §4).
inline void append_greeting(std::string& out, std::string_view hostname) {
  append(out, "220 ", hostname, " ESMTP Mailwright\r\n");
}
inline void append_refusal_greeting(std::string& out, std::string_view hostname) {
  append(out, "554 ", hostname, " You talk before you are greeted\r\n");
}
inline void append_busy_greeting(std::string& out, std::string_view hostname) {
  append(out, "421 ", hostname, " Service not available, closing\r\n");
}
// Before a session exists: over a connection limit, or no memory (security.md §3).
inline std::string busy_greeting(std::string_view hostname) {
  std::string out;
  append_busy_greeting(out, hostname);
  return out;
}
inline void append_helo_reply(std::string& out, std::string_view hostname) {
  append(out, "250 ", hostname, "\r\n");
}
inline void append_message_taken(std::string& out, const MessageId& id) {
  append(out, "250 2.0.0 ", id.text(), "\r\n");
}
// "250-2.1.5 <a@b.example>", one address a line (RFC 5321 §3.5.1); there is at least one.
inline void append_addresses(std::string& out, std::string_view code, std::string_view enhanced,
                             std::span<const std::string> addresses) {
  for (const std::string& address : addresses) {
    const bool last = &address == &addresses.back();
    append(out, code, last ? ' ' : '-', enhanced, " <", address, ">\r\n");
  }
}
// RFC 4954 §4: the space is there also when the challenge is empty.
inline void append_challenge(std::string& out, std::string_view base64) {
  append(out, "334 ", base64, "\r\n");
}

}  // namespace mail::smtp
