// Packets of the mail filter protocol of Sendmail, version 6, as the MTA's side sees them: commands
// out, replies in. The values are those of libmilter's mfdef.h; the protocol has no RFC.
// Pure. Views in a Packet point into the bytes given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace mail::milter {

inline constexpr std::uint32_t kVersion = 6;
inline constexpr std::size_t kMaxBodyPiece = 65'535;              // MILTER_CHUNK_SIZE
inline constexpr std::size_t kMaxReply = std::size_t{256} << 10;  // as much as a header block

enum class Command : char {
  abort = 'A',
  body = 'B',
  connect = 'C',
  macros = 'D',
  end_of_message = 'E',
  helo = 'H',
  header = 'L',
  mail = 'M',
  end_of_header = 'N',
  negotiate = 'O',
  quit = 'Q',
  rcpt = 'R',
  data = 'T',
};

// What a filter may ask to do to a message (SMFIF_*).
enum Action : std::uint32_t {
  kAddHeaders = 1U << 0,
  kChangeBody = 1U << 1,
  kAddRecipients = 1U << 2,
  kDeleteRecipients = 1U << 3,
  kChangeHeaders = 1U << 4,
  kQuarantine = 1U << 5,
  kChangeSender = 1U << 6,
  kAddRecipientsWithArguments = 1U << 7,
  kNameMacros = 1U << 8,
};
// The body is never changed (design §2), and who gets the message was answered at RCPT already.
inline constexpr std::uint32_t kOfferedActions =
    kAddHeaders | kChangeHeaders | kQuarantine | kNameMacros;

// What a filter does not want to be sent, or will not reply to (SMFIP_*).
enum Step : std::uint32_t {
  kNoConnect = 1U << 0,
  kNoHelo = 1U << 1,
  kNoMail = 1U << 2,
  kNoRcpt = 1U << 3,
  kNoBody = 1U << 4,
  kNoHeaders = 1U << 5,
  kNoEndOfHeader = 1U << 6,
  kHeaderUnanswered = 1U << 7,
  kNoUnknown = 1U << 8,
  kNoData = 1U << 9,
  kSkip = 1U << 10,
  kConnectUnanswered = 1U << 12,
  kHeloUnanswered = 1U << 13,
  kMailUnanswered = 1U << 14,
  kRcptUnanswered = 1U << 15,
  kDataUnanswered = 1U << 16,
  kUnknownUnanswered = 1U << 17,
  kEndOfHeaderUnanswered = 1U << 18,
  kBodyUnanswered = 1U << 19,
  kLeadingSpace = 1U << 20,  // the value of a header begins behind its colon
};
inline constexpr std::uint32_t kOfferedSteps = 0x1F'F7FF;  // all of them

struct Options {
  std::uint32_t version = kVersion;
  std::uint32_t actions = kOfferedActions;
  std::uint32_t steps = kOfferedSteps;
};

void append_packet(std::string& out, Command command, std::string_view payload);

struct Packet {
  char code = 0;
  std::string_view payload;
  std::size_t size = 0;  // of the whole packet
};
// The packet that `bytes` begins with; nothing where it is not whole yet. Fails with bad_syntax
// (empty) or too_large (over kMaxReply).
Result<std::optional<Packet>> first_packet(std::string_view bytes);

// What a filter answers.
struct Progress {};  // it is still at work
struct CarryOn {};
struct SkipRest {};  // carry on, but no more events of this kind
struct AcceptRest {};
struct Drop {};  // discard
struct Refuse {  // SMFIR_REJECT, SMFIR_TEMPFAIL and SMFIR_REPLYCODE
  bool for_good = false;
  std::string status;  // "5.7.1"; may be empty
  std::string text;    // one line of printable ASCII; may be empty
};
struct Quarantine {
  std::string reason;
};
struct HeaderEdit {
  enum class Kind : std::uint8_t {
    append,
    insert,  // so that `index` fields stand above it
    change,  // the field that is number `index` of its name, from 1; no value: it goes
  };
  Kind kind = Kind::append;
  std::uint32_t index = 0;
  std::string name;
  std::string value;  // what stands behind the colon; folds as LF
};
using Reply =
    std::variant<Progress, CarryOn, SkipRest, AcceptRest, Drop, Refuse, Quarantine, HeaderEdit>;

// Not of the negotiation. Fails with bad_syntax, or not_allowed for what was never offered.
Result<Reply> parse_reply(const Packet& packet);
// The reply to `negotiate`. Fails with bad_syntax, or not_allowed where it asks for more than was
// offered.
Result<Options> parse_options(const Packet& packet);

}  // namespace mail::milter
