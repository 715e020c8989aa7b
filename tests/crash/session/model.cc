#include "model.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "words.h"

namespace mail::model {

using smtp::Phase;

void Model::arrive(std::string_view bytes) {
  if (phase_ != Phase::closed) input_ += bytes;
}

std::optional<Question> Model::run() {
  if (!greeted_ && phase_ != Phase::closed) greet();
  std::size_t at = 0;
  while (!asked_ && phase_ != Phase::closed && at < input_.size()) {
    const char octet = input_[at++];
    take(octet, at < input_.size());
  }
  input_.erase(0, phase_ == Phase::closed ? input_.size() : at);
  return asked_;
}

// RFC 5321 §3.1; who talks first is no mail server, but for our own neighbours (security.md §3).
void Model::greet() {
  greeted_ = true;
  if (strict() && !input_.empty()) return end(554, "");
  say(220, "");
}

void Model::end(int code, std::string_view enhanced) {
  say(code, enhanced);
  disconnect();
}

void Model::error(int code, std::string_view enhanced) {
  if (++errors_ > rules_.max_errors) return end(421, "4.7.0");
  say(code, enhanced);
}

void Model::put_off(int code, std::string_view enhanced) {
  if (patient()) say(code, enhanced);
}

void Model::by_judge(int code, std::string_view enhanced, const smtp::PolicyWords& words) {
  const std::string_view own = std::string_view(words.text).substr(0, words.text.find(' '));
  if (code / 100 == 5) return error(code, own.empty() ? enhanced : own);
  say(code, own.empty() ? enhanced : own);
}

bool Model::patient() {
  if (++junk_ <= rules_.max_junk_commands) return true;
  end(421, "4.7.0");
  return false;
}

// The one end of a transaction (security.md 18).
void Model::forget_mail() {
  if (phase_ >= Phase::mail && phase_ <= Phase::chunks) phase_ = Phase::greeted;
  mail_ = {};
  wire_.clear();
  chunk_failed_ = false;
}

smtp::Phase Model::phase() const { return chunk_ ? Phase::data : phase_; }

bool Model::keeps_content() const {
  return phase_ == Phase::data || phase_ == Phase::chunks || (chunk_ && !chunk_->refusal);
}

void Model::disconnect() {
  asked_.reset();
  chunk_.reset();
  exchange_.reset();
  forget_mail();
  phase_ = Phase::closed;
}

void Model::time_out() {
  if (phase_ != Phase::closed) end(421, "4.4.2");
}

void Model::shut_down() {
  if (phase_ == Phase::closed) return;
  if (asked_) {
    stopping_ = true;  // what was asked is answered first
  } else {
    end(421, "4.3.2");
  }
}

// RFC 3207 §4.2: "The server MUST discard any knowledge obtained from the client".
void Model::tls_established() {
  asked_.reset();
  forget_mail();
  client_ = {};
  client_.tls = true;
  phase_ = Phase::connected;
  if (stopping_) end(421, "4.3.2");
}

void Model::take(char octet, bool behind) {
  if (chunk_) return take_of_chunk(octet);
  if (phase_ == Phase::data) return take_of_data(octet);
  take_of_line(octet, behind);
}

// RFC 5321 §4.1.1.1, §4.1.4: it resets.
void Model::helo(std::string_view argument, bool extended) {
  const bool good = !argument.empty() && argument.size() <= 255 &&
                    std::ranges::all_of(argument, [](char c) { return c > ' ' && c < 0x7F; });
  if (!good) return error(501, "");
  if (!patient()) return;
  forget_mail();
  phase_ = Phase::greeted;
  client_.helo = argument;
  client_.esmtp = extended;
  Said reply{250, ""};
  if (extended) {
    const bool login = rules_.role != smtp::Role::mx && client_.login.empty() &&
                       (client_.tls || rules_.insecure_auth);
    const bool whole = rules_.mode == smtp::Mode::store_and_forward;
    reply.offers =
        (rules_.tls == smtp::TlsMode::starttls && !client_.tls && around_.tls_available ? 1U : 0U) |
        (login ? 2U : 0U) | (rules_.chunking && whole ? 4U : 0U) |
        (rules_.requiretls && client_.tls && whole ? 8U : 0U) | (rules_.dsn && whole ? 16U : 0U);
  }
  said_.push_back(reply);
}

smtp::Parameters Model::offered() const {
  const bool whole = rules_.mode == smtp::Mode::store_and_forward;  // security.md 22
  const bool tls_possible = rules_.tls != smtp::TlsMode::none;
  smtp::Parameters known;
  known.size = rules_.size;
  known.eight_bit_mime = rules_.eight_bit_mime;
  known.binarymime = rules_.binarymime && whole;
  known.body = known.eight_bit_mime || known.binarymime;
  known.auth = rules_.role != smtp::Role::mx && (tls_possible || rules_.insecure_auth);
  known.smtputf8 = rules_.smtputf8 && whole;
  known.dsn = rules_.dsn && whole;
  known.requiretls = rules_.requiretls && client_.tls && whole;  // security.md 23
  known.mt_priority = rules_.mt_priority && whole && rules_.role == smtp::Role::submission;
  return known;
}

void Model::sender(std::string_view argument) {
  using smtp::SyntaxFault;
  if (phase_ != Phase::greeted) return error(503, "5.5.1");
  const auto parsed = smtp::parse_mail(argument, offered());
  if (!parsed) {
    switch (parsed.error()) {
      case SyntaxFault::path:
        return error(501, "5.1.7");
      case SyntaxFault::unknown_parameter:
        return error(555, "5.5.4");
      case SyntaxFault::priority:
        return error(501, "5.5.2");
      case SyntaxFault::not_ascii:
        return error(550, "5.6.7");
      default:
        return error(501, "5.5.4");
    }
  }
  if (parsed->size.value_or(0) > rules_.max_message_size) return error(552, "5.3.4");
  if (++messages_ > rules_.max_messages) return end(421, "4.7.0");
  chunk_failed_ = false;
  mail_.sender = parsed->path.to_string();
  mail_.binary = parsed->options.body == BodyType::binary_mime;
  mail_.smtputf8 = parsed->options.smtputf8;
  low_priority_ = parsed->options.priority > 0 && !around_.may_relay;
  ask(Ask::sender, mail_.sender);
}

void Model::recipient(std::string_view argument) {
  using smtp::SyntaxFault;
  if (phase_ != Phase::mail && phase_ != Phase::recipients) return error(503, "5.5.1");
  const auto parsed = smtp::parse_rcpt(argument, offered(), mail_.smtputf8);
  if (!parsed) {
    switch (parsed.error()) {
      case SyntaxFault::path:
        return error(501, "5.1.3");
      case SyntaxFault::unknown_parameter:
        return error(555, "5.5.4");
      case SyntaxFault::not_ascii:
        return error(553, "5.6.7");
      default:
        return error(501, "5.5.4");
    }
  }
  wanted_ = parsed->mailbox.to_string();
  wanted_domain_ = parsed->mailbox.domain.text();
  // RFC 5321 §4.5.3.1.10: no error of the client's.
  if (mail_.recipients.size() >= rules_.max_recipients) return say(452, "4.5.3");
  if (domains_.size() >= rules_.max_recipient_domains && !domains_.contains(wanted_domain_)) {
    return say(452, "4.5.3");
  }
  ask(Ask::recipient, wanted_);
}

void Model::data(std::string_view argument) {
  if (phase_ != Phase::recipients && phase_ != Phase::chunks) return error(503, "5.5.1");
  if (!argument.empty()) return error(501, "5.5.4");
  if (phase_ == Phase::chunks || mail_.binary) return error(503, "5.5.1");  // RFC 3030 §2, §3
  ask(Ask::data, "");
}

// RFC 5321 §4.1.1.4: only CRLF "." CRLF ends it; the first line is a line too.
void Model::take_of_data(char octet) {
  wire_ += octet;
  const bool done = octet == '\n' && (wire_ == ".\r\n" || wire_.ends_with("\r\n.\r\n"));
  if (done) return end_of_data();
  const std::uint64_t patience = 2 * rules_.max_message_size + smtp::kStageChunk;
  if (wire_.size() <= patience) return;
  if (content_of_wire().damaged) return end(550, "5.5.2");
  end(552, "5.3.4");
}

Model::Content Model::content_of_wire() const {
  const bool normalize =
      rules_.role == smtp::Role::relay && rules_.bare_lf == smtp::BareLf::normalize;
  Content content;
  bool line_begins = true;
  for (std::size_t i = 0; i < wire_.size(); ++i) {
    const char octet = wire_[i];
    const bool crlf = octet == '\n' && i > 0 && wire_[i - 1] == '\r';
    if (octet == '\r' && i + 1 < wire_.size() && wire_[i + 1] != '\n') content.damaged = true;
    if (octet == '\n' && !crlf) {
      content.damaged = content.damaged || !normalize;
      content.octets += '\r';
    }
    if (octet != '.' || !line_begins) content.octets += octet;  // RFC 5321 §4.5.2
    line_begins = crlf;
  }
  return content;
}

void Model::end_of_data() {
  wire_.resize(wire_.size() - 3);  // ".", CRLF
  Content content = content_of_wire();
  if (content.damaged) return end(550, "5.5.2");
  if (content.octets.size() > rules_.max_message_size) {
    forget_mail();
    return error(552, "5.3.4");
  }
  ask(Ask::commit, std::move(content.octets));
}

void Model::bdat(std::string_view argument, std::optional<Said> refusal) {
  constexpr std::uint64_t kSmall = 1024;
  const auto words = words_of(argument);
  const auto size = words.empty() ? std::nullopt : parse_number(words[0]);
  const bool last = words.size() == 2 && iequals(words[1], "LAST");
  if (!size || words.size() > 2 || (words.size() == 2 && !last)) return end(501, "5.5.4");
  if (*size < kSmall && (!last || chunk_failed_) && !patient()) return;
  if (!refusal) refusal = no_chunk(*size);
  chunk_ = Chunk{*size, *size, last, std::nullopt, false};
  if (refusal) return refuse_chunk(*refusal);
  if (++mail_.chunks == 1) return ask(Ask::data, "");
  if (*size == 0) end_of_chunk();
}

std::optional<Said> Model::no_chunk(std::uint64_t size) const {
  if (!rules_.chunking || rules_.mode == smtp::Mode::end_to_end) return Said{502, "5.5.1"};
  if (phase_ != Phase::recipients && phase_ != Phase::chunks) return Said{503, "5.5.1"};
  if (mail_.chunks >= 10'000) return Said{552, "5.3.4"};
  if (size > rules_.max_message_size - mail_.content.size()) return Said{552, "5.3.4"};
  return std::nullopt;
}

// RFC 3030 §2: its octets are taken, then it is refused, and with it the message. Those behind it
// are on their way already and no errors of their own.
void Model::refuse_chunk(Said reply) {
  Chunk chunk = *chunk_;
  const bool first = !chunk_failed_;
  forget_mail();
  chunk_failed_ = true;
  const std::uint64_t patience = 2 * rules_.max_message_size + smtp::kStageChunk;
  if (chunk.size > patience || swallowed_ + chunk.size > patience) {
    return end(reply.code, reply.enhanced);
  }
  swallowed_ += chunk.size;
  chunk.refusal = std::move(reply);
  chunk.counts = first;
  chunk_ = std::move(chunk);
  if (chunk_->left == 0) end_of_chunk();
}

void Model::take_of_chunk(char octet) {
  if (!chunk_->refusal) {
    std::string& content = mail_.content;
    const bool after_cr = std::exchange(mail_.cr, octet == '\r' && !mail_.binary);
    const bool bare_lf = octet == '\n' && !after_cr && !mail_.binary;
    if (bare_lf && rules_.bdat_bare_lf == smtp::BareLf::normalize) content += '\r';
    content += octet;
    if (after_cr && octet != '\n') {
      refuse_chunk({550, "5.5.2"});
    } else if (bare_lf && rules_.bdat_bare_lf == smtp::BareLf::reject) {
      refuse_chunk({550, "5.5.2"});
    } else if (content.size() > rules_.max_message_size) {
      refuse_chunk({552, "5.3.4"});
    }
    if (!chunk_) return;
  }
  if (--chunk_->left == 0) end_of_chunk();
}

void Model::end_of_chunk() {
  const Chunk chunk = *chunk_;
  chunk_.reset();
  if (chunk.refusal) {
    const auto& [code, enhanced, offers] = *chunk.refusal;
    if (!chunk.counts) return say(code, enhanced);
    if (code / 100 == 5) return error(code, enhanced);
    return put_off(code, enhanced);
  }
  phase_ = Phase::chunks;
  if (!chunk.last) return say(250, "2.0.0");
  if (mail_.cr) {
    forget_mail();
    return error(550, "5.5.2");
  }
  phase_ = Phase::data;
  ask(Ask::commit, mail_.content);
}

// RFC 3207 §4.
void Model::starttls(std::string_view argument, bool behind) {
  if (behind) return end(554, "5.5.0");
  if (!argument.empty()) return error(501, "5.5.4");
  if (client_.tls) return error(554, "5.5.1");
  if (rules_.tls != smtp::TlsMode::starttls) return error(502, "5.5.1");
  if (!around_.tls_available) return put_off(454, "4.7.0");
  say(220, "2.0.0");
  ask(Ask::tls, "");
}

// RFC 4954 §4, security.md 40.
void Model::auth(std::string_view argument) {
  const bool ever =
      rules_.role != smtp::Role::mx && (rules_.tls != smtp::TlsMode::none || rules_.insecure_auth);
  if (!ever) return error(502, "5.5.1");
  if (phase_ != Phase::greeted || !client_.login.empty()) return error(503, "5.5.1");
  const auto words = words_of(argument);
  if (words.empty() || words.size() > 2) return error(501, "5.5.4");
  const std::string mechanism = upper(words[0]);
  const bool cram = mechanism == "CRAM-MD5";
  const bool known = mechanism == "PLAIN" || mechanism == "LOGIN" || mechanism == "SCRAM-SHA-256" ||
                     (cram && around_.cram_md5);
  if (!known || !(client_.tls || rules_.insecure_auth)) return error(504, "5.5.4");
  if (cram && words.size() == 2) return error(501, "5.7.0");
  const auto kind = mechanism == "PLAIN"   ? Exchange::Kind::plain
                    : mechanism == "LOGIN" ? Exchange::Kind::login
                                           : Exchange::Kind::steps;
  std::optional<std::string> initial;
  if (words.size() == 2) {
    auto decoded = base64_decode(words[1] == "=" ? "" : words[1]);
    if (!decoded) return error(501, "5.5.2");
    initial = *std::move(decoded);
  }
  exchange_ = Exchange{kind, mechanism, std::nullopt};
  phase_ = Phase::login;
  if (!initial && kind != Exchange::Kind::steps) return say(334, "");
  respond(initial);
}

void Model::on_response(std::string_view line) {
  const auto response = base64_decode(line);
  if (line != "*" && response) return respond(*response);
  exchange_.reset();
  phase_ = Phase::greeted;
  error(501, line == "*" ? "5.7.0" : "5.5.2");
}

void Model::respond(const std::optional<std::string>& response) {
  if (exchange_->kind == Exchange::Kind::steps) {
    return ask(Ask::step, concat(exchange_->mechanism, ' ', response.value_or("(none)")));
  }
  std::string user;
  std::string password;
  bool good = true;
  bool other = false;
  if (exchange_->kind == Exchange::Kind::plain) {  // RFC 4616 §2
    const auto parts = split(*response, '\0');
    good = parts.size() == 3;
    if (good) {
      user = parts[1];
      password = parts[2];
      good = !user.empty() && user.size() <= 255 && !password.empty();
      other = !parts[0].empty() && !iequals(parts[0], user);
    }
  } else {
    good = !response->contains('\0');
    if (!exchange_->user) {
      good = good && response->size() <= 255;
      exchange_->user = *response;
      if (good) return say(334, "");
    }
    user = *exchange_->user;
    password = *response;
  }
  exchange_.reset();
  phase_ = Phase::greeted;
  if (!good) return error(501, "5.5.2");
  if (other) return error(535, "5.7.8");
  ask(Ask::login, concat(user, ' ', password));
}

// RFC 5321 §3.5.
void Model::look_up(std::string_view argument, bool expand) {
  if (!patient()) return;
  const bool served = (expand ? rules_.expn : rules_.vrfy) &&
                      rules_.mode != smtp::Mode::end_to_end &&
                      (!client_.login.empty() || around_.loopback);
  if (!served) return expand ? error(502, "5.5.1") : say(252, "2.5.0");
  const auto words = words_of(argument);
  if (rules_.smtputf8 && words.size() > 1 && iequals(words.back(), "SMTPUTF8")) {
    argument = trim(argument.substr(0, argument.size() - words.back().size()));
  }
  if (argument.starts_with('<') && argument.ends_with('>')) {
    argument = argument.substr(1, argument.size() - 2);
  }
  if (argument.empty()) return error(501, "5.5.4");
  expanding_ = expand;
  ask(Ask::lookup, concat(expand ? "EXPN " : "VRFY ", argument));
}

}  // namespace mail::model
