#include "service/outbound/hop_connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/text.h"
#include "codec/address/ip_address.h"
#include "codec/sasl/client.h"
#include "codec/sasl/sasl.h"
#include "service/auth/client_mechanisms.h"

namespace mail {
namespace {

// RFC 6066 §3: a literal address is no server name; certificates have it without brackets.
std::string tls_name(const std::string& host) {
  const Result<IpAddress> literal = IpAddress::parse_literal(host);
  return literal ? literal->to_string() : host;
}

namespace client = smtp::client;

// So small that it goes along with the commands and fits any socket buffer (RFC 2920 §3.1).
constexpr std::size_t kAlong = std::size_t{64} << 10;

std::span<char> scratch() {  // the thread's; whoever waits has given it back
  thread_local std::array<char, 16 << 10> buffer;
  return buffer;
}

Milliseconds between(MonoTime from, MonoTime to) {
  return std::chrono::duration_cast<Milliseconds>(to - from);
}

}  // namespace

HopConnection::HopConnection(const HopServices& services, std::shared_ptr<const Route> route,
                             std::shared_ptr<const smtp::ClientSettings> settings,
                             net::Stream stream, ConnectionFacts facts, bool secure_name)
    : services_(services),
      route_(std::move(route)),
      stream_(std::move(stream)),
      facts_(std::move(facts)),
      secure_name_(secure_name),
      session_(std::move(settings), now()) {}

Task<std::optional<client::Failed>> HopConnection::begin() {
  co_await run();
  if (!ready_) {
    MAIL_ASSERT(failed_.has_value());
    const smtp::Verdict& why = failed_->verdict;
    const std::optional<RouteLogin>& login = route_->login;
    if (login && why.stage == smtp::Stage::login && why.code == 535) {
      services_.tokens.forget(*login);  // RFC 4954 §6; a new one is got next time
    }
    co_return std::move(failed_);
  }
  facts_.dsn = session_.extensions().dsn;
  co_return std::optional<client::Failed>{};
}

// RFC 8689 §4.2.1, of a connection that stands.
std::optional<smtp::Verdict> HopConnection::unfit_for_secrecy() const {
  const auto unfit = [](std::string_view enhanced, std::string_view text) {
    return smtp::Verdict{smtp::Verdict::Kind::rejected,
                         smtp::Verdict::Cause::unfit,
                         smtp::Stage::hello,
                         0,
                         std::string(enhanced),
                         std::string(text)};
  };
  if (route_->kind == Route::Kind::mx && !secure_name_) {
    return unfit("5.7.10", "REQUIRETLS: the host's name did not come by DNSSEC");
  }
  if (!facts_.verified) {
    return unfit("5.7.10", "REQUIRETLS: no TLS with the server's own certificate");
  }
  if (!session_.extensions().require_tls) {
    return unfit("5.7.30", "the server does not support REQUIRETLS");
  }
  return std::nullopt;
}

HopConnection::Sent HopConnection::unreadable(const Parcel& parcel, std::size_t recipients,
                                              const Error& error, Sent sent) {
  log::error("outbound.content_unreadable",
             {{"id", parcel.key.message.to_string()}, {"error", describe(error)}});
  sent.recipients.assign(recipients,
                         {smtp::Verdict::Kind::deferred, smtp::Verdict::Cause::abandoned,
                          smtp::Stage::ready, 0, "4.3.0", "the content could not be read"});
  return sent;
}

bool HopConnection::used_up() const {
  const auto& most = session_.extensions().max_mails;
  return most.has_value() && sent_ >= *most;
}

std::size_t HopConnection::would_take(std::span<const Parcel> parcels) const {
  const smtp::Extensions& hop = session_.extensions();
  if (used_up()) return 0;
  if (!hop.max_domains) return parcels.size();
  std::set<std::string> domains = domains_;
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    domains.insert(parcels[i].key.queue.domain);
    if (domains.size() > *hop.max_domains && (i > 0 || !domains_.empty())) return i;
  }
  return parcels.size();
}

Task<HopConnection::Sent> HopConnection::send(std::span<const Parcel> parcels) {
  MAIL_ASSERT(ready_ && !parcels.empty());
  std::vector<Recipient> recipients;
  for (const Parcel& parcel : parcels) {
    recipients.insert(recipients.end(), parcel.recipients.begin(), parcel.recipients.end());
    if (session_.extensions().max_domains) domains_.insert(parcel.key.queue.domain);
  }
  const std::size_t most = session_.extensions().max_recipients.value_or(recipients.size());
  if (recipients.size() <= most) {
    co_return co_await transact(parcels.front(), std::move(recipients));
  }
  Sent all;
  for (std::size_t next = 0; next < recipients.size();) {
    const auto first = recipients.begin() + static_cast<std::ptrdiff_t>(next);
    const std::size_t count = std::min(most, recipients.size() - next);
    const bool may_go = next == 0 || (ready_ && would_take(parcels) == parcels.size());
    if (!may_go) {  // the rest goes the next time
      all.recipients.resize(recipients.size(),
                            {smtp::Verdict::Kind::deferred, smtp::Verdict::Cause::abandoned,
                             smtp::Stage::ready, 0, "4.5.3", "the next hop takes fewer at a time"});
      break;
    }
    Sent some =
        co_await transact(parcels.front(), {first, first + static_cast<std::ptrdiff_t>(count)});
    if (next == 0) all.began = some.began;
    all.took += some.took;
    all.maybe_delivered = all.maybe_delivered || some.maybe_delivered;
    std::ranges::move(some.recipients, std::back_inserter(all.recipients));
    next += count;
  }
  co_return all;
}

Task<HopConnection::Sent> HopConnection::transact(const Parcel& parcel,
                                                  std::vector<Recipient> recipients) {
  Sent sent;
  sent.began = services_.clock.wall_now();
  BodySource source(services_.store, parcel);
  // The first piece comes before MAIL: content that can not be read costs no connection.
  Result<void> fetched;
  if (!source.fetch_now()) fetched = co_await source.fetch();
  if (!fetched) {
    co_return unreadable(parcel, recipients.size(), fetched.error(), std::move(sent));
  }
  const MonoTime began = now();
  ready_ = false;
  facts_.reused = sent_++ > 0;
  session_.deliver({.reverse_path = parcel.reverse_path,
                    .recipients = std::move(recipients),
                    .size = parcel.added_fields.size() + parcel.size,
                    .options = parcel.options,
                    .utf8_header = source.has_utf8_header(),
                    .at_hand = source.is_whole() && source.piece().size() <= kAlong,
                    .now = sent.began},
                   began);
  co_return co_await finish(std::move(sent), source, began);
}

Task<HopConnection::Sent> HopConnection::finish(Sent sent, BodySource& source, MonoTime began) {
  source_ = &source;
  first_piece_ = true;
  co_await run();
  source_ = nullptr;
  MAIL_ASSERT(settled_.has_value());
  sent.recipients = std::move(settled_->recipients);
  sent.maybe_delivered = settled_->maybe_delivered;
  settled_.reset();
  sent.took = between(began, now());
  co_return sent;
}

void HopConnection::begin_mail(std::string reverse_path, MailOptions options, std::uint64_t size) {
  MAIL_ASSERT(ready_);
  ready_ = false;
  facts_.reused = sent_++ > 0;
  session_.begin({.reverse_path = std::move(reverse_path),
                  .recipients = {},
                  .size = size,
                  .options = std::move(options),
                  .utf8_header = false,
                  .at_hand = false,
                  .now = services_.clock.wall_now()},
                 now());
}

Task<smtp::Verdict> HopConnection::add_recipient(Recipient recipient) {
  if (settled_) {  // lost between two recipients; it has no answer of its own any more
    const smtp::Verdict gone{smtp::Verdict::Kind::deferred,
                             smtp::Verdict::Cause::closed,
                             smtp::Stage::recipient,
                             0,
                             "4.4.2",
                             "the connection was closed"};
    settled_->recipients.push_back(gone);
    co_return gone;
  }
  answer_.reset();
  session_.add_recipient(std::move(recipient), now());
  co_await run();
  if (answer_) co_return *std::exchange(answer_, std::nullopt);
  MAIL_ASSERT(settled_ && !settled_->recipients.empty());  // lost, with all that were given before
  co_return settled_->recipients.back();
}

Task<HopConnection::Sent> HopConnection::send_content(const Parcel& parcel) {
  Sent sent;
  sent.began = services_.clock.wall_now();
  BodySource source(services_.store, parcel);
  Result<void> fetched;
  if (!source.fetch_now()) fetched = co_await source.fetch();
  if (!fetched) {
    co_await leave();
    co_return unreadable(parcel, parcel.recipients.size(), fetched.error(), std::move(sent));
  }
  session_.begin_body(now());
  co_return co_await finish(std::move(sent), source, now());
}

Task<void> HopConnection::leave() {
  session_.leave(now());
  co_await run();
  settled_.reset();
}

Task<void> HopConnection::run() {
  for (;;) {
    while (std::optional<client::Action> action = session_.next()) {
      if (!perform_now(*action)) co_await perform(std::move(*action));
    }
    if (ready_ || closed_ || answer_) co_return;
    co_await listen(session_.deadline());
  }
}

// False: it has to wait for something.
bool HopConnection::perform_now(client::Action& action) {
  if (auto* send = std::get_if<client::Send>(&action)) {
    // As much as the socket takes; perform() writes what is left, and hears why when it fails.
    const auto put = stream_.write_some(send->bytes);
    if (!put || *put < send->bytes.size()) {
      if (put) send->bytes.erase(0, *put);
      return false;
    }
    if (send->secret) sasl::wipe(send->bytes);
    return true;
  }
  if (std::holds_alternative<client::AskBody>(action)) {
    if (!source_->fetch_now()) return false;
    give_body();
    return true;
  }
  if (std::holds_alternative<client::Ready>(action)) {
    ready_ = true;
    return true;
  }
  if (auto* settled = std::get_if<client::Settled>(&action)) {
    settled_ = std::move(*settled);
    return true;
  }
  if (auto* failed = std::get_if<client::Failed>(&action)) {
    failed_ = std::move(*failed);
    return true;
  }
  if (std::holds_alternative<client::Close>(action)) {
    closed_ = true;
    ready_ = false;
    stream_.close();
    return true;
  }
  if (auto* answer = std::get_if<client::RecipientAnswered>(&action)) {
    answer_ = std::move(answer->verdict);
    return true;
  }
  return false;
}

Task<void> HopConnection::perform(client::Action action) {
  if (auto* send = std::get_if<client::Send>(&action)) {
    const auto written = co_await stream_.write_all(send->bytes, session_.deadline());
    if (send->secret) sasl::wipe(send->bytes);
    if (!written) {
      hear();  // it may have said why before it went
      end(written.error());
    }
  } else if (std::holds_alternative<client::AskBody>(action)) {
    co_await fetch_body();
  } else if (std::holds_alternative<client::StartTls>(action)) {
    co_await secure();
  } else if (auto* ask = std::get_if<client::AskLogin>(&action)) {
    co_await log_in(std::move(ask->mechanisms));
  }
}

Task<void> HopConnection::fetch_body() {
  const auto fetched = co_await source_->fetch();
  if (fetched) {
    give_body();
    co_return;
  }
  log::error("outbound.content_unreadable",
             {{"host", facts_.host}, {"error", describe(fetched.error())}});
  session_.abandon_body();
}

void HopConnection::give_body() {
  // A refusal in the middle of content saves the rest of it.
  if (!std::exchange(first_piece_, false)) hear();
  session_.body(source_->piece(), source_->last(), now());
  source_->drop();
}

Task<void> HopConnection::secure() {
  const MonoTime began = now();
  const tls::ClientContext& context = route_->verify ? services_.verifying : services_.examining;
  auto cipher = context.connect(stream_.native_handle(), tls_name(facts_.host));
  if (!cipher) {
    session_.tls_failed(cipher.error().detail);
    co_return;
  }
  const auto secured = co_await stream_.secure(std::move(*cipher), session_.deadline());
  facts_.handshake = between(began, now());
  if (!secured) {
    // Whatever ends a handshake, in the clear it may go.
    session_.tls_failed(secured.error().detail);
    co_return;
  }
  const net::Cipher& carrier = *stream_.cipher();
  facts_.tls = carrier.version();
  facts_.cipher = carrier.cipher();
  facts_.verified = !facts_.host.empty() && tls::is_verified(carrier);
  session_.tls_established(facts_.verified, now());
}

Task<void> HopConnection::log_in(std::vector<std::string> mechanisms) {
  const std::optional<RouteLogin>& wanted = route_->login;
  MAIL_ASSERT(wanted.has_value());  // else the session was not told to log in
  const RouteLogin& login = *wanted;
  sasl::ClientCredentials credentials{login.user, login.password, false};
  if (!login.token_command.empty() || !login.token_url.empty()) {
    auto token = co_await services_.tokens.token(login);
    if (!token) {
      session_.login(nullptr, token.error().detail, now());
      co_return;
    }
    credentials.password = std::move(*token);
    credentials.is_token = true;
  }
  const std::vector<std::string_view> offered(mechanisms.begin(), mechanisms.end());
  auto mechanism = choose_client_mechanism(std::move(credentials), offered, session_.encrypted());
  if (mechanism) {
    session_.login(std::move(*mechanism), "", now());
  } else {
    session_.login(nullptr, mechanism.error().detail, now());
  }
}

Task<void> HopConnection::listen(MonoTime deadline) {
  if (const auto waited = co_await stream_.readable(deadline); !waited) {
    end(waited.error());
  } else {
    hear();
  }
}

// What is there now.
void HopConnection::hear() {
  const std::span<char> buffer = scratch();
  const auto got = stream_.read_some(buffer);
  if (!got) return end(got.error());
  if (*got > 0) session_.consume(buffer.first(*got), now());
}

void HopConnection::end(const Error& error) {
  if (session_.stage() == smtp::Stage::closed) return;
  if (error.code == Errc::unavailable) {  // interrupt()
    interrupted_ = true;
  } else if (error.code == Errc::deadline_exceeded) {
    session_.time_out();
  } else {
    session_.disconnect();
  }
}

Task<void> HopConnection::idle(MonoTime until) {
  interrupted_ = false;
  while (ready_ && !interrupted_ && now() < until) {
    const auto waited = co_await stream_.readable(until);
    if (!waited && waited.error().code == Errc::deadline_exceeded) co_return;
    if (waited) {
      hear();
    } else {
      end(waited.error());
    }
    while (std::optional<client::Action> action = session_.next()) perform_now(*action);
  }
}

Task<void> HopConnection::quit() {
  if (!ready_) co_return;
  ready_ = false;
  session_.quit(now());
  co_await run();
}

}  // namespace mail
