#include "codec/milter/session.h"

#include <utility>

#include "base/bytes.h"
#include "base/text.h"

namespace mail::milter {
namespace {

constexpr std::size_t kMaxEdits = 1000;

void append_string(std::string& out, std::string_view text) {
  out.append(text.substr(0, text.find('\0')));
  out.push_back('\0');
}

}  // namespace

void Session::tell_macros(Command of, Macros macros) {
  std::string payload(1, static_cast<char>(of));
  for (const Macro& macro : macros) {
    if (macro.value.empty()) continue;
    append_string(payload, macro.name);
    append_string(payload, macro.value);
  }
  if (payload.size() > 1) append_packet(out_, Command::macros, payload);
}

void Session::tell(Event event, Command command, std::string_view payload,
                   std::uint32_t unanswered) {
  append_packet(out_, command, payload);
  if ((options_.steps & unanswered) == 0) asked_ = event;
}

void Session::negotiate() {
  std::string payload;
  append_big_endian(payload, kVersion);
  append_big_endian(payload, kOfferedActions);
  append_big_endian(payload, kOfferedSteps);
  options_.steps = 0;  // until it has chosen
  tell(Event::negotiate, Command::negotiate, payload, 0);
}

void Session::connect(const IpAddress& client, std::uint16_t port, Macros macros) {
  decision_ = CarryOn{};
  if (connection_over_) return;
  tell_macros(Command::connect, macros);
  if (!tells(kNoConnect)) return;
  const std::string address = client.to_string();
  std::string payload;
  append_string(payload, concat('[', address, ']'));  // a client whose name nobody has looked up
  payload.push_back(client.is_v4() ? '4' : '6');
  append_big_endian(payload, port);
  append_string(payload, address);
  tell(Event::connection, Command::connect, payload, kConnectUnanswered);
}

void Session::helo(std::string_view name, Macros macros) {
  decision_ = CarryOn{};
  if (connection_over_) return;
  tell_macros(Command::helo, macros);
  if (!tells(kNoHelo)) return;
  std::string payload;
  append_string(payload, name);
  tell(Event::connection, Command::helo, payload, kHeloUnanswered);
}

void Session::mail(std::string_view path, Macros macros) {
  abort();
  decision_ = connection_decision_;
  message_over_ = false;
  skip_body_ = false;
  wishes_ = {};
  wished_octets_ = 0;
  if (connection_over_) return;
  in_message_ = true;
  tell_macros(Command::mail, macros);
  if (!tells(kNoMail)) return;
  std::string payload;
  append_string(payload, path);
  tell(Event::other, Command::mail, payload, kMailUnanswered);
}

void Session::rcpt(std::string_view path, Macros macros) {
  decision_ = CarryOn{};
  if (!tells(0)) return;
  tell_macros(Command::rcpt, macros);
  if (!tells(kNoRcpt)) return;
  std::string payload;
  append_string(payload, path);
  tell(Event::rcpt, Command::rcpt, payload, kRcptUnanswered);
}

void Session::data(Macros macros) {
  constexpr std::uint32_t kFirstWithData = 4;
  decision_ = CarryOn{};
  if (!tells(0)) return;
  tell_macros(Command::data, macros);
  if (!tells(kNoData) || options_.version < kFirstWithData) return;
  tell(Event::other, Command::data, "", kDataUnanswered);
}

void Session::header(std::string_view name, std::string_view value) {
  decision_ = CarryOn{};
  if (!tells(kNoHeaders)) return;
  if ((options_.steps & kLeadingSpace) == 0 && value.starts_with(' ')) value.remove_prefix(1);
  std::string payload;
  append_string(payload, name);
  for (const char c : value.substr(0, value.find('\0'))) {  // folds are LF here
    if (c != '\r') payload.push_back(c);
  }
  payload.push_back('\0');
  tell(Event::other, Command::header, payload, kHeaderUnanswered);
}

void Session::end_of_header(Macros macros) {
  decision_ = CarryOn{};
  if (!tells(0)) return;
  tell_macros(Command::end_of_header, macros);
  if (!tells(kNoEndOfHeader)) return;
  tell(Event::other, Command::end_of_header, "", kEndOfHeaderUnanswered);
}

void Session::body(std::string_view piece) {
  MAIL_ASSERT(piece.size() <= kMaxBodyPiece);
  decision_ = CarryOn{};
  if (!wants_body() || piece.empty()) return;
  tell(Event::body, Command::body, piece, kBodyUnanswered);
}

void Session::end_of_message(Macros macros) {
  decision_ = CarryOn{};
  if (!tells(0)) return;
  tell_macros(Command::end_of_message, macros);
  tell(Event::end, Command::end_of_message, "", 0);
}

// From any state the filter goes back to where MAIL may come.
void Session::abort() {
  if (std::exchange(in_message_, false)) append_packet(out_, Command::abort, "");
  message_over_ = true;
}

void Session::quit() { append_packet(out_, Command::quit, ""); }

std::string Session::take_output() { return std::exchange(out_, {}); }

Wishes Session::take_wishes() { return std::exchange(wishes_, {}); }

Result<void> Session::consume(std::string_view bytes) {
  in_.append(bytes);
  std::size_t taken = 0;
  while (waits()) {
    MAIL_TRY(const std::optional<Packet> packet, first_packet(std::string_view(in_).substr(taken)));
    if (!packet) break;
    if (asked_ == Event::negotiate) {
      MAIL_TRY(const Options chosen, parse_options(*packet));
      options_ = chosen;
      asked_ = Event::none;
    } else {
      MAIL_TRY(Reply reply, parse_reply(*packet));
      MAIL_TRY(on_reply(std::move(reply)));
    }
    taken += packet->size;
  }
  in_.erase(0, taken);
  if (!waits() && !in_.empty()) return fail(Errc::bad_syntax, "a reply that nothing asked for");
  return {};
}

Result<void> Session::on_reply(Reply reply) {
  const auto not_yet = fail(Errc::bad_syntax, "a change before the end of the message");
  if (std::holds_alternative<Progress>(reply)) return {};
  if (auto* edit = std::get_if<HeaderEdit>(&reply)) {
    if (asked_ != Event::end) return not_yet;
    wished_octets_ += edit->name.size() + edit->value.size();
    if (wishes_.edits.size() == kMaxEdits || wished_octets_ > kMaxReply) {
      return fail(Errc::too_large, "it wants too many changes of the header");
    }
    const bool goes = edit->kind == HeaderEdit::Kind::change && edit->value.empty();
    if ((options_.steps & kLeadingSpace) == 0 && !goes) edit->value.insert(0, 1, ' ');
    wishes_.edits.push_back(std::move(*edit));
    return {};
  }
  if (auto* quarantine = std::get_if<Quarantine>(&reply)) {
    if (asked_ != Event::end) return not_yet;
    if (!wishes_.quarantine) wishes_.quarantine = std::move(quarantine->reason);
    return {};
  }
  const Event asked = std::exchange(asked_, Event::none);
  if (std::holds_alternative<SkipRest>(reply)) {
    if (asked == Event::body) skip_body_ = true;
  } else if (std::holds_alternative<AcceptRest>(reply)) {
    (asked == Event::connection ? connection_over_ : message_over_) = true;
  } else if (auto* refuse = std::get_if<Refuse>(&reply)) {
    decision_ = std::move(*refuse);
    if (asked != Event::rcpt) message_over_ = true;
    if (asked == Event::connection) {
      connection_over_ = true;
      connection_decision_ = decision_;
    }
  } else if (std::holds_alternative<Drop>(reply) && asked != Event::connection) {
    decision_ = Drop{};  // means nothing before MAIL
    message_over_ = true;
  }
  if (asked == Event::end) {
    message_over_ = true;
    in_message_ = false;
  }
  return {};
}

}  // namespace mail::milter
