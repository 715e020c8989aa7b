#include "daemon/ctl/send.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/ids.h"
#include "base/text.h"
#include "codec/address/address.h"
#include "codec/address/utf8.h"
#include "codec/sasl/sasl.h"
#include "codec/smtp/client_session.h"
#include "codec/smtp/command.h"
#include "platform/net/connect.h"
#include "platform/net/io_thread.h"
#include "platform/tls/context.h"
#include "service/auth/client_mechanisms.h"

namespace mail::ctl {
namespace {

using smtp::Stage;
using smtp::Verdict;
namespace client = smtp::client;

Result<void> check(const SendRequest& request) {
  if (request.recipients.empty()) return fail(Errc::invalid_argument, "there is no recipient");
  std::vector<std::string> addresses = request.recipients;
  if (!request.from.empty()) addresses.push_back(request.from);
  for (const std::string& address : addresses) {
    if (iequals(address, "postmaster") || Mailbox::parse(address)) continue;
    return fail(Errc::invalid_argument, concat("\"", address, "\" is not an address"));
  }
  if (!smtp::parse_helo(request.hostname)) {
    return fail(Errc::invalid_argument, "the host name for EHLO has a blank or control character");
  }
  return {};
}

std::shared_ptr<smtp::ClientSettings> settings_of(const SendRequest& request) {
  auto out = std::make_shared<smtp::ClientSettings>();
  out->hostname = request.hostname;
  out->tls = request.tls == SendTls::none       ? smtp::HopTls::none
             : request.tls == SendTls::starttls ? smtp::HopTls::require
                                                : smtp::HopTls::implicit;
  out->login = !request.login.empty();
  out->login_in_clear = request.tls == SendTls::none;  // asked for by name
  const Milliseconds time = request.timeout;
  out->timeouts = {time, time, time, time, time, time, std::min(time, out->timeouts.quit)};
  return out;
}

// As it leaves: every line end is CRLF then, the last one too.
std::uint64_t size_on_the_wire(std::string_view message) {
  std::uint64_t size = message.size();
  char last = '\n';
  for (const char c : message) {
    size += (c == '\n') != (last == '\r') ? 1 : 0;  // a bare one of either kind
    last = c;
  }
  if (last == '\r') return size + 1;
  return last == '\n' ? size : size + 2;
}

smtp::OutgoingMail mail_of(const SendRequest& request) {
  smtp::OutgoingMail mail;
  mail.reverse_path = request.from;
  mail.recipients.assign(request.recipients.begin(), request.recipients.end());
  mail.size = size_on_the_wire(request.message);
  if (!is_ascii(request.message)) mail.options.body = BodyType::eight_bit_mime;
  mail.options.smtputf8 =
      !is_ascii(request.from) || !std::ranges::all_of(request.recipients, is_ascii);
  return mail;
}

// The driver of one client session, which may deliver one message.
class Submission {
 public:
  Submission(net::IoThread& io, const SendRequest& request, net::Stream stream,
             std::shared_ptr<const tls::ClientContext> tls, std::string host,
             std::vector<std::string>& transcript)
      : io_(io),
        request_(request),
        stream_(std::move(stream)),
        tls_(std::move(tls)),
        host_(std::move(host)),
        transcript_(transcript),
        settings_(settings_of(request)),
        session_(settings_, now()) {}
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  Task<Result<SendResult>> run();

 private:
  MonoTime now() const { return io_.clock().mono_now(); }
  Task<void> perform(client::Action action);
  Task<void> write(client::Send send);
  Task<void> secure();
  void log_in(const std::vector<std::string>& mechanisms);
  Task<void> listen();
  void hear(std::string_view bytes);
  void show(const client::Send& send);
  void end(Errc code);
  Result<SendResult> outcome() const;
  std::string step_of(const Verdict& verdict, std::size_t recipient) const;
  Error error_of(const Verdict& verdict, std::size_t recipient) const;

  net::IoThread& io_;
  const SendRequest& request_;
  net::Stream stream_;
  std::shared_ptr<const tls::ClientContext> tls_;
  const std::string host_;
  std::vector<std::string>& transcript_;
  std::shared_ptr<smtp::ClientSettings> settings_;
  smtp::ClientSession session_;

  std::string line_;         // of the server, whose end has not come
  std::string login_shown_;  // the last line of the login, as it may be read by others
  bool content_due_ = false;
  std::size_t content_size_ = 0;
  bool delivered_ = false;
  std::vector<Verdict> verdicts_;
  std::optional<Verdict> failure_;
};

Task<Result<SendResult>> Submission::run() {
  for (;;) {
    while (std::optional<client::Action> action = session_.next()) {
      if (std::holds_alternative<client::Close>(*action)) co_return outcome();
      co_await perform(std::move(*action));
    }
    co_await listen();
  }
}

Task<void> Submission::perform(client::Action action) {
  if (auto* send = std::get_if<client::Send>(&action)) {
    co_await write(std::move(*send));
  } else if (std::holds_alternative<client::StartTls>(action)) {
    co_await secure();
  } else if (auto* ask = std::get_if<client::AskLogin>(&action)) {
    log_in(ask->mechanisms);
  } else if (std::holds_alternative<client::Ready>(action)) {
    if (delivered_) {
      session_.quit(now());
    } else {
      delivered_ = true;
      session_.deliver(mail_of(request_), now());
    }
  } else if (std::holds_alternative<client::AskBody>(action)) {
    content_due_ = true;
    session_.body(request_.message, true, now());
  } else if (auto* settled = std::get_if<client::Settled>(&action)) {
    verdicts_ = std::move(settled->recipients);
  } else if (auto* failed = std::get_if<client::Failed>(&action)) {
    failure_ = std::move(failed->verdict);
  }
}

Task<void> Submission::write(client::Send send) {
  show(send);
  auto written = co_await stream_.write_all(send.bytes, session_.deadline());
  if (send.secret) sasl::wipe(send.bytes);
  if (written) co_return;
  char bytes[4096];  // it may have said why before it went
  for (auto got = stream_.read_some(bytes); got && *got > 0; got = stream_.read_some(bytes)) {
    hear({bytes, *got});
  }
  end(written.error().code);
}

Task<void> Submission::secure() {
  const std::string name = request_.tls_name.empty() ? host_ : request_.tls_name;
  auto cipher = tls_->connect(stream_.native_handle(), name);
  if (!cipher) {
    session_.tls_failed(cipher.error().detail);
    co_return;
  }
  const auto secured = co_await stream_.secure(std::move(*cipher), session_.deadline());
  if (secured) {
    transcript_.push_back(
        concat("   (", stream_.cipher()->version(), ", ", stream_.cipher()->cipher(), ')'));
    session_.tls_established(request_.verify, now());
  } else if (secured.error().code == Errc::tls_failed) {
    session_.tls_failed(secured.error().detail);
  } else {
    end(secured.error().code);
  }
}

void Submission::log_in(const std::vector<std::string>& mechanisms) {
  const std::vector<std::string_view> offered(mechanisms.begin(), mechanisms.end());
  auto mechanism = choose_client_mechanism({request_.login, request_.password, false}, offered,
                                           session_.encrypted());
  if (mechanism) return session_.login(std::move(*mechanism), "", now());
  session_.login(nullptr, mechanism.error().detail, now());
}

Task<void> Submission::listen() {
  char bytes[4096];
  const auto got = stream_.read_some(bytes);
  if (!got) {
    end(got.error().code);
  } else if (*got > 0) {
    hear({bytes, *got});
  } else if (auto waited = co_await stream_.readable(session_.deadline()); !waited) {
    end(waited.error().code);
  }
}

void Submission::hear(std::string_view bytes) {
  session_.consume(bytes, now());
  for (const char c : bytes) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    if (line_.ends_with('\r')) line_.pop_back();
    transcript_.push_back(concat("S: ", std::exchange(line_, {})));
  }
}

void Submission::show(const client::Send& send) {
  if (std::exchange(content_due_, false)) {
    content_size_ = send.bytes.size();
    if (send.bytes.starts_with("BDAT ")) {
      const std::size_t end = send.bytes.find("\r\n");
      transcript_.push_back(concat("C: ", send.bytes.substr(0, end)));
      content_size_ -= end + 2;
    }
    transcript_.push_back(concat("C: (message of ", content_size_, " octets)"));
    return;
  }
  for (std::string_view rest = send.bytes; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    std::string shown(line);
    if (send.secret) {
      shown = line.starts_with("AUTH ") ? concat("AUTH ", split(line, ' ')[1], " ...") : "(secret)";
    }
    if (session_.stage() == Stage::login) login_shown_ = shown;
    transcript_.push_back(concat("C: ", shown));
  }
}

void Submission::end(Errc code) {
  if (code == Errc::deadline_exceeded) {
    session_.time_out();
  } else {
    session_.disconnect();
  }
}

// The message's fate counts; what became of QUIT changes nothing.
Result<SendResult> Submission::outcome() const {
  const auto is_accepted = [](const Verdict& each) { return each.kind == Verdict::Kind::accepted; };
  const auto refused = std::ranges::find_if_not(verdicts_, is_accepted);
  if (refused != verdicts_.end()) {
    Error error = error_of(*refused, static_cast<std::size_t>(refused - verdicts_.begin()));
    if (const auto count = std::ranges::count_if(verdicts_, is_accepted); count > 0) {
      append(error.detail, " (accepted for ", count, " of ", verdicts_.size(), " recipients)");
    }
    return std::unexpected(std::move(error));
  }
  if (verdicts_.empty()) {
    MAIL_ASSERT(failure_.has_value());
    return std::unexpected(error_of(*failure_, 0));
  }
  SendResult result;
  result.reply = verdicts_.front().text;
  const auto words = split(result.reply, ' ');
  if (words.size() > 2 && MessageId::parse(words[2])) result.id = words[2];
  return result;
}

std::string Submission::step_of(const Verdict& verdict, std::size_t recipient) const {
  switch (verdict.stage) {
    case Stage::hello:
      return concat("EHLO ", request_.hostname);
    case Stage::login:
      return login_shown_.empty() ? "AUTH" : login_shown_;
    case Stage::mail:
      return concat("MAIL FROM:<", request_.from, '>');
    case Stage::recipient:
      return concat("RCPT TO:<", request_.recipients[recipient], '>');
    case Stage::body:
    case Stage::final_dot:
      return concat("message of ", content_size_, " octets");
    default:
      return std::string(to_string(verdict.stage));
  }
}

Error Submission::error_of(const Verdict& verdict, std::size_t recipient) const {
  const bool said = verdict.cause == Verdict::Cause::reply;
  std::string detail =
      concat(step_of(verdict, recipient), said ? ": the server said " : ": ", verdict.text);
  switch (verdict.cause) {
    case Verdict::Cause::reply:
      return {verdict.kind == Verdict::Kind::rejected ? Errc::not_allowed : Errc::overloaded,
              std::move(detail)};
    case Verdict::Cause::silence:
      return {Errc::deadline_exceeded, std::move(detail)};
    case Verdict::Cause::closed:
    case Verdict::Cause::abandoned:
      return {Errc::closed, std::move(detail)};
    case Verdict::Cause::no_smtp:
      return {Errc::bad_syntax, std::move(detail)};
    case Verdict::Cause::tls:
      return {Errc::tls_failed, std::move(detail)};
    case Verdict::Cause::login:
    case Verdict::Cause::unfit:
      break;
  }
  return {Errc::not_allowed, std::move(detail)};
}

Task<Result<SendResult>> submit(net::IoThread& io, const SendRequest& request,
                                std::vector<net::Address> addresses, std::string host,
                                std::vector<std::string>& transcript) {
  std::shared_ptr<const tls::ClientContext> context;
  if (request.tls != SendTls::none) {
    MAIL_CO_TRY(context,
                tls::ClientContext::make({.verify = request.verify, .ca_file = request.ca_file}));
  }
  Result<net::Stream> stream = fail(Errc::unavailable, "no address to connect to");
  for (const net::Address& address : addresses) {
    stream = co_await net::connect(io, address, io.clock().mono_now() + request.timeout);
    if (stream) break;
  }
  MAIL_CO_TRY(net::Stream connected, std::move(stream));
  Submission submission(io, request, std::move(connected), std::move(context), std::move(host),
                        transcript);
  co_return co_await submission.run();
}

}  // namespace

Result<SendResult> send_message(const SendRequest& request, const Clock& clock,
                                std::vector<std::string>* transcript) {
  MAIL_TRY(check(request));
  MAIL_TRY(const net::Address server, net::split_host_port(request.server));
  MAIL_TRY(auto addresses, net::resolve(server.host, server.port));
  std::vector<std::string> lines;
  net::IoThread io(clock);
  auto result = net::run_task(io, submit(io, request, std::move(addresses), server.host, lines));
  if (transcript != nullptr) *transcript = lines;
  if (result) result->transcript = std::move(lines);
  return result;
}

}  // namespace mail::ctl
