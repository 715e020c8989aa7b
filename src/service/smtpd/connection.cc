#include "service/smtpd/connection.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/log.h"
#include "platform/idn/idn.h"
#include "service/auth/challenge_login.h"
#include "service/smtpd/lookup.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kScratch = std::size_t{64} << 10;
constexpr auto kHandshakeTime = 10s;  // security.md 45
constexpr auto kLingerTime = 2s;
constexpr std::size_t kLingerBytes = std::size_t{1} << 20;

// The thread's read buffer. Whoever waits must have copied out of it: an idle session owns none.
std::span<char> scratch() {
  thread_local std::vector<char> buffer(kScratch);
  return buffer;
}

bool is_goodbye(std::string_view replies) {
  const std::size_t end = replies.size() < 2 ? 0 : replies.size() - 2;
  const std::size_t before = replies.substr(0, end).rfind('\n');
  return replies.substr(before == std::string_view::npos ? 0 : before + 1).starts_with("221");
}

}  // namespace

Connection::Connection(net::IoThread& thread, net::Stream stream,
                       std::shared_ptr<const ServedListener> settings, smtp::Peer peer,
                       bool by_proxy, Services& services, ClientTable& clients, Pauses& pauses)
    : thread_(thread),
      stream_(std::move(stream)),
      settings_(std::move(settings)),
      peer_(peer),
      keys_(keys_of(peer.address)),
      by_proxy_(by_proxy),
      admitted_(!by_proxy),
      services_(services),
      clients_(clients),
      pauses_(pauses),
      session_(settings_->listener, peer_, services.clock.mono_now()) {}

Connection::~Connection() {
  if (admitted_) clients_.leave(keys_);
  log::debug("smtpd.session_closed", {{"client", keys_.client}});
}

Task<void> Connection::run() {
  if (by_proxy_ && !co_await learn_client()) co_return;
  if (!co_await greet()) co_return;
  if (!services_.judges.empty()) open_trial();
  while (!closed_) {
    if (std::optional<smtp::Action> action = session_.next()) {
      if (!perform_now(*action)) {
        keep_input();
        waited_ = true;
        co_await perform(std::move(*action));
      }
    } else if (!input_.empty()) {
      take_input();
    } else if (!drained_) {
      read_now();
    } else {
      forget_input();
      if (std::exchange(waited_, false)) session_.consume({}, now());
      if (auto ready = co_await stream_.readable(session_.deadline()); !ready) {
        on_wait_failed(ready.error());
      }
      drained_ = false;
    }
  }
  if (hop_ != nullptr) co_await hop_->end();
  co_await hang_up();
}

// With implicit TLS the session begins after the handshake. False: it never did.
Task<bool> Connection::greet() {
  const bool implicit = settings_->listener->tls == smtp::TlsMode::implicit;
  if (implicit) {
    const Result<void> secured = co_await start_tls();
    if (!secured || stopping_) co_return false;
    session_ = smtp::ServerSession(settings_->listener, peer_, now());
  }
  session_.set_idn(&idn::kFunctions);
  session_.set_wall_time(services_.clock.wall_now());
  session_.set_tls_available(settings_->tls != nullptr);
  session_.set_stressed(clients_.stressed(settings_->limits));
  session_.set_cram_md5(services_.authenticator.offers_cram_md5());
  if (implicit) {
    session_.tls_established({stream_.cipher()->version(), stream_.cipher()->cipher()});
  }
  // Who talks before the greeting is no mail server; so look before it is sent.
  read_now();
  if (!input_.empty()) take_input();
  co_return true;
}

Task<Result<void>> Connection::start_tls() {
  auto cipher = settings_->tls->accept(stream_.native_handle());
  Result<void> secured;
  if (cipher) {
    secured = co_await stream_.secure(std::move(*cipher), now() + kHandshakeTime);
  } else {
    secured = std::unexpected(std::move(cipher.error()));
  }
  drained_ = false;
  if (!secured) {
    log::info("smtpd.tls_failed", {{"client", keys_.client},
                                   {"listener", settings_->listener->address},
                                   {"error", describe(secured.error())}});
  }
  co_return secured;
}

void Connection::take_input() {
  input_.remove_prefix(session_.consume(input_, now()));
  if (on_trial_ && !session_.waiting_for_answer() && !session_.in_transaction()) {
    end_trial_of_message();  // RSET, EHLO, or content that no judge is asked about
  }
}

// The thread's buffer serves other sessions while this one waits.
void Connection::keep_input() {
  if (!input_.empty() && input_.data() >= rest_.data() &&
      input_.data() < rest_.data() + rest_.size()) {
    return;
  }
  rest_.assign(input_);
  input_ = rest_;
}

// An idle session owns no buffer. (libstdc++ keeps it when an empty string is assigned.)
void Connection::forget_input() {
  input_ = {};
  std::string().swap(rest_);
}

void Connection::read_now() {
  const std::span<char> buffer = scratch();
  const auto got = stream_.read_some(buffer);
  if (!got) return lose(got.error());
  drained_ = *got < buffer.size();
  input_ = {buffer.data(), *got};
}

void Connection::on_wait_failed(const Error& error) {
  switch (error.code) {
    case Errc::deadline_exceeded:
      return session_.time_out();
    case Errc::unavailable:
      return;  // shut_down() told the session already
    default:
      return lose(error);
  }
}

void Connection::lose(const Error& error) {
  if (std::exchange(lost_, true)) return;
  if (error.code != Errc::closed && !stopping_) {
    log::info("smtpd.session_failed", {{"client", keys_.client}, {"error", describe(error)}});
  }
  if (std::exchange(relay_unsaid_, false)) {
    log::warning("relay.possible_duplicate", {{"id", id_.to_string()},
                                              {"client", keys_.client},
                                              {"why", "the client went before it was told"}});
  }
  input_ = {};
  session_.disconnect();
}

void Connection::cut() {
  stream_.close();
  if (hop_ != nullptr) hop_->cut();
}

void Connection::shut_down() {
  stopping_ = true;
  session_.shut_down();
  stream_.interrupt();
}

// A close while input is unread resets the connection, and the reset may overtake our last reply.
// So where the client did neither take leave nor close itself, its end is waited for a moment.
Task<void> Connection::hang_up() {
  if (lost_) co_return;
  const std::span<char> buffer = scratch();
  auto got = stream_.read_some(buffer);
  const bool all_read = got ? said_goodbye_ && *got == 0 : got.error().code == Errc::closed;
  if (!all_read || stream_.cipher() != nullptr) stream_.finish_writing();
  if (all_read) co_return;
  const MonoTime deadline = now() + kLingerTime;
  std::size_t dropped = 0;
  while (got && dropped < kLingerBytes && !stopping_) {
    dropped += *got;
    if (*got == 0 && !co_await stream_.readable(deadline)) co_return;
    got = stream_.read_some(scratch());
  }
}

bool Connection::send_now(std::string& bytes) {
  if (lost_) return true;
  said_goodbye_ = is_goodbye(bytes);
  const auto put = stream_.write_some(bytes);
  if (!put) {
    lose(put.error());
    return true;
  }
  if (*put == bytes.size()) {
    relay_unsaid_ = false;
    session_.take_back(std::move(bytes));
    return true;
  }
  bytes.erase(0, *put);
  return false;
}

// A peer that does not read is not read either: its session stands still here.
Task<void> Connection::send(std::string bytes) {
  const MonoTime deadline = now() + settings_->listener->idle_timeout;
  const auto sent = co_await stream_.write_all(bytes, deadline);
  if (!sent) lose(sent.error());
  relay_unsaid_ = false;
}

bool Connection::perform_now(smtp::Action& action) {
  if (auto* reply = std::get_if<smtp::Send>(&action)) return send_now(reply->bytes);
  if (const auto* ask = std::get_if<smtp::AskSender>(&action)) {
    if (hop_ != nullptr) hop_->begin_transaction();
    const smtp::SenderVerdict verdict = decide_sender(ask->reverse_path);
    if (verdict == smtp::SenderVerdict::accept && trial_ != nullptr) {
      begin_trial_of_message();
      if (trial_->hears_envelope()) return false;
    }
    session_.answer(verdict);
    return true;
  }
  if (const auto* ask = std::get_if<smtp::AskRecipient>(&action)) {
    return answer_recipient_now(ask->recipient);
  }
  if (const auto* ask = std::get_if<smtp::AskLookup>(&action)) {
    session_.answer(look_up(*ask, *services_.control.snapshot()));
    return true;
  }
  if (const auto* ask = std::get_if<smtp::AskData>(&action)) {
    session_.answer(begin_message(ask->room));
    return true;
  }
  if (std::holds_alternative<smtp::Close>(action)) {
    closed_ = true;
    return true;
  }
  return false;
}

Task<void> Connection::perform(smtp::Action action) {
  if (auto* reply = std::get_if<smtp::Send>(&action)) {
    co_await send(std::move(reply->bytes));
  } else if (auto* message = std::get_if<smtp::JudgeAndCommit>(&action)) {
    co_await (ends_elsewhere() ? send_through(std::move(*message)) : commit(std::move(*message)));
  } else if (auto* body = std::get_if<smtp::StageBody>(&action)) {
    co_await stage(std::move(body->chunk));
  } else if (std::holds_alternative<smtp::DropBody>(action)) {
    co_await drop_staged();
  } else if (auto* login = std::get_if<smtp::AskLogin>(&action)) {
    co_await check_login(std::move(*login));
  } else if (auto* step = std::get_if<smtp::AskSaslStep>(&action)) {
    co_await step_login(std::move(*step));
  } else if (auto* sender = std::get_if<smtp::AskSender>(&action)) {
    co_await ask_judges(std::move(sender->reverse_path));
  } else if (auto* recipient = std::get_if<smtp::AskRecipient>(&action)) {
    co_await answer_recipient(std::move(recipient->recipient));
  } else if (std::holds_alternative<smtp::UpgradeToTls>(action)) {
    MAIL_ASSERT(input_.empty());  // the session refuses what stands behind STARTTLS
    if (!co_await start_tls()) {
      lost_ = true;  // never plaintext again
      session_.disconnect();
    } else {
      session_.tls_established({stream_.cipher()->version(), stream_.cipher()->cipher()});
    }
  }
}

}  // namespace mail
