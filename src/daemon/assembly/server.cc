#include "daemon/assembly/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "daemon/assembly/neighbours.h"
#include "daemon/assembly/outbound.h"
#include "daemon/assembly/policy.h"
#include "daemon/assembly/signing.h"
#include "platform/idn/idn.h"
#include "platform/psl/psl.h"
#include "platform/tls/context.h"
#include "platform/tls/crypto.h"

namespace mail {
namespace {

constexpr std::size_t kMaxWaitingHashes = 256;  // beyond that logins are answered 454 4.7.0
constexpr Milliseconds kStopGrace{3000};        // of sessions, and again of mail under way
constexpr std::uint32_t kOwnFiles = 256;        // of the stores, listeners, commands
constexpr std::uint32_t kMaxFiles = 1U << 30;

std::size_t cores() { return std::max(1U, std::thread::hardware_concurrency()); }

std::string_view to_string(smtp::TlsMode mode) {
  switch (mode) {
    case smtp::TlsMode::none:
      return "none";
    case smtp::TlsMode::starttls:
      return "starttls";
    case smtp::TlsMode::implicit:
      return "implicit";
  }
  return "none";
}

// security.md 44: people's programs are held to AEAD; on the way between servers being strict
// would only drive peers to plaintext.
Result<std::shared_ptr<const tls::ServerContext>> load_tls(const Settings& settings,
                                                           const smtp::SmtpListener& listener) {
  if (listener.tls == smtp::TlsMode::none || !settings.tls.present()) return nullptr;
  const tls::Suites suites =
      listener.role == smtp::Role::submission ? tls::Suites::aead : tls::Suites::forward_secret;
  Result<std::shared_ptr<const tls::ServerContext>> context = tls::ServerContext::load(
      settings.tls.certificate, settings.tls.key, suites, listener.address);
  if (context) return context;
  return fail(Errc::invalid_argument,
              concat("[tls] cannot be used: ", context.error().detail, ". certificate (",
                     settings.tls.certificate, ") and key (", settings.tls.key,
                     ") must be PEM files that belong together"));
}

// A store that can not open its next file would close: it comes before one more connection.
std::uint32_t connections_possible() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > kMaxFiles) return kMaxFiles;
  const auto limit = static_cast<std::uint32_t>(files.rlim_cur);
  return std::max(limit / 4, limit - std::min(limit, kOwnFiles));
}

SmtpLimits smtp_limits(const Settings& settings) {
  const LimitSettings& limits = settings.limits;
  SmtpLimits out;
  out.max_connections = std::min(limits.max_connections, connections_possible());
  out.connections_per_client = limits.connections_per_client;
  out.connections_per_minute = limits.connection_rate;
  out.messages_per_minute = limits.message_rate;
  out.connections_per_network = limits.connections_per_network;
  out.network_connections_per_minute = limits.network_connection_rate;
  out.network_messages_per_minute = limits.network_message_rate;
  out.recipients_per_hour = limits.recipients_per_hour;
  out.sender_per_minute = limits.sender_message_rate;
  out.recipient_per_minute = limits.recipient_message_rate;
  out.unknown_recipients_per_minute = limits.unknown_recipient_rate;
  out.rate_loopback = settings.policy.judge_loopback;
  out.failed_logins = {limits.failed_logins_per_minute, limits.failed_logins_per_day};
  return out;
}

Result<std::vector<ServedListener>> served(const Settings& settings,
                                           const std::shared_ptr<smtp::BodyMemory>& bodies) {
  const auto networks = std::make_shared<const std::vector<IpNetwork>>(settings.relay.networks);
  std::vector<ServedListener> out;
  for (const auto& listener : settings.listeners) {
    MAIL_TRY(auto context, load_tls(settings, *listener));
    auto bounded = std::make_shared<smtp::SmtpListener>(*listener);
    bounded->body_memory = bodies;
    out.push_back(
        {std::move(bounded), settings.routes, networks, std::move(context), smtp_limits(settings)});
  }
  return out;
}

}  // namespace

Server::Server(std::shared_ptr<const Settings> settings, const Clock& clock, log::Sink& sink,
               std::unique_ptr<State> state, std::unique_ptr<dns::UnboundResolver> resolver,
               std::unique_ptr<signing::KeyKeeper> keeper)
    : clock_(clock),
      sink_(sink),
      started_at_(clock.wall_now()),
      state_(std::move(state)),
      hash_pool_(cores(), kMaxWaitingHashes),
      authenticator_(*state_->control, hash_pool_, clock),
      resolver_(std::move(resolver)),
      keeper_(std::move(keeper)),
      door_({*resolver_, tls::kCrypto, clock, &idn::kFunctions, &psl::is_public_suffix,
             settings->hostname},
            *state_->control, door_settings(*settings), settings->state, &observations_),
      neighbours_(make_neighbours(*settings, clock)),
      signer_(*keeper_, *state_->control, clock, &idn::kFunctions),
      next_hops_(*resolver_, random_, clock, mx_world(*settings)),
      placer_(*state_->control, settings->routes),
      reporter_(*state_->store, placer_, clock, report_settings(*settings), &signer_),
      feedback_(*state_, observations_, placer_, *resolver_, signer_, clock, *settings),
      queue_(std::make_unique<Queue>(
          QueueParts{*state_->store, *resolver_, placer_, reporter_, random_, clock,
                     std::filesystem::path(settings->state) / "in-flight"},
          queue_world(*settings))),
      spool_(*state_->store, *state_->control, clock, *queue_, reporter_),
      settings_(std::move(settings)) {
  judges_ = door_.first();
  for (const auto& neighbour : neighbours_) judges_.push_back(neighbour.get());
  judges_.push_back(door_.last());
  judges_.push_back(&feedback_.intake());
  judges_.push_back(&signer_);  // what others change in the header comes before
  std::vector<net::IoThread*> threads;
  for (std::size_t i = 0; i < cores(); ++i) {
    threads_.push_back(std::make_unique<net::IoThread>(clock));
    threads.push_back(threads_.back().get());
  }
  smtp_ = std::make_unique<SmtpServer>(
      std::move(threads), Services{*state_->store, *state_->control, authenticator_, judges_,
                                   spool_, limits_, clock_, &next_hops_});
  for (std::size_t i = 0; i < threads_.size(); ++i) threads_[i]->start(concat("mw-io-", i));
}

Result<std::unique_ptr<Server>> Server::open(std::shared_ptr<const Settings> settings,
                                             const Clock& clock, log::Sink& sink) {
  log::set_sink(&sink, settings->log.level);
  MAIL_TRY(served(*settings, nullptr));  // a bad certificate is said before anything is touched
  MAIL_TRY(auto resolver, dns::UnboundResolver::open(resolver_options(settings->dns)));
  MAIL_TRY(auto state, State::open(settings->state, clock));
  MAIL_TRY(auto keeper, open_keeper(*settings, *state->control, *resolver, clock));
  MAIL_TRY(set_up_forwarding(*settings, *state->control, clock));
  std::unique_ptr<Server> server(new Server(std::move(settings), clock, sink, std::move(state),
                                            std::move(resolver), std::move(keeper)));
  MAIL_TRY(server->open_sender());
  return server;
}

Result<void> Server::open_sender() {
  std::vector<net::IoThread*> threads;
  for (const auto& thread : threads_) threads.push_back(thread.get());
  MAIL_TRY(sender_, Sender::make(std::move(threads), *state_->store, clock_, *queue_,
                                 sender_settings(*settings_)));
  next_hops_.start(*sender_, settings_->outbound.messages_per_connection);
  return {};
}

Server::~Server() {
  stop();
  resolver_->stop();
  probe_.reset();
  smtp_.reset();
  sender_.reset();
  for (const auto& thread : threads_) thread->stop();
  for (const auto& thread : threads_) thread->join();
}

Result<void> Server::listen() {
  const std::lock_guard lock(mutex_);
  MAIL_TRY(std::vector<ServedListener> listeners, served(*settings_, bodies_));
  MAIL_TRY(smtp_->apply(std::move(listeners)));
  queue_->start(*sender_);
  turns_ = std::make_unique<TurnLoop>(
      std::vector<TurnLoop::Turn>{
          [this] { return reporter_.tick(*queue_); }, [this] { return keeper_->tick(); },
          [this] { return door_.tick(); }, [this] { return feedback_.tick(*queue_); }},
      clock_);
  sending_ = true;
  if (sends_by_mx(*settings_)) {
    probe_ = std::make_unique<Probe>(*resolver_, clock_, !settings_->dns.is_private());
  }
  return {};
}

Result<void> Server::reload(const Settings& loaded) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> restart_needed = changed_restart_only(*settings_, loaded);
  std::shared_ptr<const Settings> next = until_restart(*settings_, loaded);
  MAIL_TRY(std::vector<ServedListener> listeners, served(*next, bodies_));
  MAIL_TRY(smtp_->apply(std::move(listeners)));
  placer_.reload(next->routes);
  queue_->reload(queue_world(*next));
  next_hops_.reload(mx_world(*next));
  door_.reload(door_settings(*next));
  keeper_->reload(keeper_settings(*next));
  log::set_sink(&sink_, next->log.level);
  settings_ = std::move(next);
  restart_needed_ = std::move(restart_needed);
  for (const std::string& key : restart_needed_) {
    log::warning("serve.restart_needed", {{"key", key}});
  }
  return {};
}

void Server::stop() {
  resolver_->hurry(kStopGrace);
  for (const auto& neighbour : neighbours_) neighbour->hurry(kStopGrace / 3);  // and say so in time
  smtp_->stop(kStopGrace);
  turns_.reset();
  if (const Result<void> kept = state_->reports->observe(observations_.take()); !kept) {
    log::warning("feedback.not_kept", {{"error", describe(kept.error())}});
  }
  if (std::exchange(sending_, false)) queue_->stop(kStopGrace);
  if (sender_ != nullptr) sender_->stop(Milliseconds{0});
}

std::shared_ptr<const Settings> Server::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

ServerStatus Server::status() const {
  ServerStatus status;
  status.version = kVersion;
  status.process = ::getpid();
  status.started_at = started_at_;
  status.counters = state_->store->counters();
  status.store_healthy = state_->store->healthy();
  status.storage_low = state_->store->storage_low();
  const std::lock_guard lock(mutex_);
  status.hostname = settings_->hostname;
  status.state = settings_->state;
  status.restart_needed = restart_needed_;
  const std::vector<net::Address> addresses = smtp_->addresses();
  for (std::size_t i = 0; i < addresses.size(); ++i) {  // none before listen()
    const smtp::SmtpListener& listener = *settings_->listeners[i];
    status.listeners.push_back({addresses[i].text(), std::string(smtp::to_string(listener.role)),
                                std::string(to_string(listener.tls))});
  }
  return status;
}

}  // namespace mail
