// Tests only: servers that play a script, and a driver without sockets that performs what a
// ClientSession asks for and asserts what every driver must be able to rely on.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/sasl/client.h"
#include "codec/smtp/client_session.h"
#include "codec/smtp/command.h"
#include "codec/smtp/dot_decoder.h"

namespace mail::smtp {

class FakeServer {
 public:
  virtual ~FakeServer() = default;
  virtual std::string greet() = 0;
  virtual std::string hear(std::string_view bytes) = 0;  // -> what it says to that
  virtual bool hung_up() const = 0;
};

// Answers each command by its first word, or by the whole line where the script has it.
class ScriptedServer : public FakeServer {
 public:
  std::map<std::string, std::string> script = {
      {"greeting", "220 mx.yahoo.test ready"},
      {"EHLO", "250-mx.yahoo.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME"},
      {"LHLO", "250-mx.yahoo.test\r\n250-PIPELINING\r\n250 8BITMIME"},
      {"HELO", "250 mx.yahoo.test"},
      {"STARTTLS", "220 go on"},
      {"AUTH", "235 2.7.0 ok"},
      {"RSET", "250 2.0.0 ok"},
      {"MAIL", "250 2.1.0 ok"},
      {"RCPT", "250 2.1.5 ok"},
      {"DATA", "354 go on"},
      {".", "250 2.0.0 taken"},
      {"chunk", "250 2.0.0 chunk"},
      {"QUIT", "221 2.0.0 bye"}};
  // What becomes of the n-th reply, the greeting being 0; without CRLF at its end. nullopt: hangs
  // up.
  std::function<std::optional<std::string>(std::size_t n, std::string reply)> twist;
  bool lmtp = false;

  std::vector<std::string> commands;
  std::vector<std::string> contents;  // un-stuffed, or the chunks together
  bool binary = false;                // content may have any octets
  std::size_t replies() const { return replies_; }

  std::string greet() override { return say(script["greeting"]); }
  bool hung_up() const override { return hung_up_; }
  std::string hear(std::string_view bytes) override {
    input_.append(bytes);
    std::string out;
    while (!hung_up_ && !input_.empty()) {
      if (chunk_) {
        if (input_.size() < *chunk_) break;
        out += take_chunk();
        continue;
      }
      if (in_data_) {
        input_.erase(0, decoder_.feed(input_, &contents.back()));
        if (!decoder_.done()) break;
        MAIL_ASSERT(!decoder_.damaged());  // no bare CR or LF ever leaves
        in_data_ = false;
        for (std::size_t i = 0; i < (lmtp ? taken_ : 1); ++i) out += say(script["."]);
        continue;
      }
      const std::size_t end = input_.find("\r\n");
      if (end == std::string::npos) break;
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 2);
      // RFC 5321 §4.5.3.1.4 and what the extensions add; RFC 4954 §4.
      MAIL_ASSERT(!has_control(line) && line.size() <= (asked_ ? 12288 : 2048));
      out += obey(line);
    }
    return out;
  }

 private:
  std::string obey(const std::string& line) {
    commands.push_back(line);
    const std::string word(split(line, ' ')[0]);
    asked_ = word == "AUTH";
    if (word == "BDAT") {
      chunk_ = *parse_number(split(line, ' ')[1]);
      last_ = line.ends_with(" LAST");
      return "";
    }
    const auto whole = script.find(line);
    const auto found = whole != script.end() ? whole : script.find(word);
    std::string reply = found == script.end() ? "500 5.5.1 what" : found->second;
    if (word == "MAIL") taken_ = 0;
    if (word == "MAIL" || word == "RSET") fresh_ = true;
    if (word == "DATA" && lmtp && taken_ == 0) reply = "503 5.5.1 nobody";  // RFC 2033 §4.2
    if (word == "RCPT" && reply.starts_with('2')) ++taken_;
    const std::string said = say(reply);
    if (word == "DATA" && said.starts_with('3')) {
      in_data_ = true;
      decoder_ = DotDecoder();
      contents.emplace_back();
    }
    return said;
  }
  // RFC 3030 §2: swallowed whatever becomes of it.
  std::string take_chunk() {
    const std::string bytes = input_.substr(0, *chunk_);
    input_.erase(0, *chunk_);
    chunk_.reset();
    if (std::exchange(fresh_, false)) {
      contents.emplace_back();
      before_ = '\0';
    }
    contents.back() += bytes;
    for (const char c : bytes) {
      MAIL_ASSERT(binary || (c == '\n') == (before_ == '\r'));  // no bare CR or LF ever leaves
      before_ = c;
    }
    if (last_) MAIL_ASSERT(binary || contents.back().empty() || contents.back().ends_with("\r\n"));
    if (taken_ == 0) return say("503 5.5.1 nobody");
    if (!last_) return say(script["chunk"]);
    std::string out;
    for (std::size_t i = 0; i < (lmtp ? taken_ : 1); ++i) out += say(script["."]);
    return out;
  }
  std::string say(std::string reply) {
    if (hung_up_) return "";
    if (twist) {
      const auto twisted = twist(replies_, std::move(reply));
      ++replies_;
      hung_up_ = !twisted;
      return twisted ? *twisted + "\r\n" : "";
    }
    ++replies_;
    return reply + "\r\n";
  }

  std::string input_;
  DotDecoder decoder_;
  std::size_t taken_ = 0;
  std::size_t replies_ = 0;
  std::optional<std::size_t> chunk_;  // of so many octets, to come
  bool last_ = false;
  bool fresh_ = true;  // no chunk of this transaction has come
  char before_ = '\0';
  bool asked_ = false;
  bool in_data_ = false;
  bool hung_up_ = false;
};

class ClientTalk {
 public:
  std::vector<std::string> content = {"Subject: hi\r\n\r\n.do", "t\r\n"};  // pieces of each mail's
  std::size_t cut = std::string::npos;  // at most so many bytes of input at a time
  bool tls_works = true;
  bool verified = false;
  sasl::ClientCredentials credentials{"tom", "secret"};
  bool content_readable = true;

  std::vector<std::vector<Verdict>> settled;
  std::vector<bool> maybe_delivered;
  std::optional<client::Failed> failed;
  std::size_t ready = 0;
  std::size_t delivered = 0;
  bool closed = false;
  MonoTime now{};

  ClientTalk(ClientSettings settings, FakeServer& server, std::vector<OutgoingMail> mails)
      : server_(server),
        mails_(std::move(mails)),
        implicit_(settings.tls == HopTls::implicit),
        session_(std::make_shared<const ClientSettings>(std::move(settings)), now) {}

  ClientSession& session() { return session_; }

  // To the end, whatever it is. A server that says nothing more lets the client wait in vain.
  void run() {
    if (!implicit_) input_ = server_.greet();
    for (;;) {
      while (std::optional<client::Action> action = session_.next()) perform(std::move(*action));
      if (closed) break;
      if (!input_.empty()) {
        const std::string piece = input_.substr(0, cut);
        input_.erase(0, piece.size());
        session_.consume(piece, now);
      } else if (server_.hung_up()) {
        session_.disconnect();
      } else {
        MAIL_ASSERT(session_.deadline() < MonoTime::max());
        now = session_.deadline();
        session_.time_out();
      }
    }
    MAIL_ASSERT(settled.size() == delivered);  // each mail has its end, once
  }

 private:
  void perform(client::Action action) {
    MAIL_ASSERT(!closed);
    if (auto* send = std::get_if<client::Send>(&action)) {
      MAIL_ASSERT(!send->bytes.empty());
      input_ += server_.hear(send->bytes);
    } else if (std::holds_alternative<client::StartTls>(action)) {
      if (!tls_works || !input_.empty()) return session_.tls_failed("no common cipher");
      session_.tls_established(verified, now);
      if (implicit_) input_ = server_.greet();
    } else if (auto* ask = std::get_if<client::AskLogin>(&action)) {
      session_.login(mechanism(ask->mechanisms), "no way to log in", now);
    } else if (std::holds_alternative<client::Ready>(action)) {
      ++ready;
      if (delivered == mails_.size()) return session_.quit(now);
      piece_ = 0;
      session_.deliver(mails_[delivered++], now);
    } else if (std::holds_alternative<client::AskBody>(action)) {
      if (!content_readable && piece_ == 1) return session_.abandon_body();
      const bool last = piece_ + 1 == content.size();
      session_.body(content[piece_++], last, now);
    } else if (auto* end = std::get_if<client::Settled>(&action)) {
      MAIL_ASSERT(delivered == settled.size() + 1);
      check(*end);
      settled.push_back(std::move(end->recipients));
      maybe_delivered.push_back(end->maybe_delivered);
    } else if (auto* failure = std::get_if<client::Failed>(&action)) {
      MAIL_ASSERT(!failed && delivered == settled.size());
      failed = std::move(*failure);
    } else {
      closed = true;
    }
  }

  std::unique_ptr<sasl::ClientMechanism> mechanism(const std::vector<std::string>& offered) const {
    const auto has = [&](std::string_view name) { return std::ranges::count(offered, name) > 0; };
    if (has("PLAIN")) return sasl::plain_client(credentials);
    return has("LOGIN") ? sasl::login_client(credentials) : nullptr;
  }

  void check(const client::Settled& end) const {
    MAIL_ASSERT(end.recipients.size() == mails_[delivered - 1].recipients.size());
    for (const Verdict& verdict : end.recipients) {
      const bool accepted = verdict.kind == Verdict::Kind::accepted;
      // Nothing but the server's own 2xx to the final dot takes mail off our hands.
      MAIL_ASSERT(!accepted || (verdict.stage == Stage::final_dot && verdict.code / 100 == 2));
      MAIL_ASSERT(!verdict.text.empty() && verdict.enhanced.size() >= 5);
      MAIL_ASSERT(!has_control(verdict.text));
    }
  }

  FakeServer& server_;
  std::vector<OutgoingMail> mails_;
  bool implicit_;
  std::string input_;
  std::size_t piece_ = 0;
  ClientSession session_;
};

}  // namespace mail::smtp
