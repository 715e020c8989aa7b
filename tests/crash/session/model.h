// What an SMTP server is, for comparison with codec/smtp's ServerSession: the states of RFC 5321
// §4.1.4, and what STARTTLS (RFC 3207), AUTH (RFC 4954), PIPELINING (RFC 2920) and CHUNKING
// (RFC 3030) make of them, with the replies and limits of security.md §3 and 40-41. Written to be
// read, an octet at a time, without a thought of speed. How an address or a parameter is spelt is
// no state: that is asked of the parsers, which have tests of their own. Points in time
// (FUTURERELEASE, DELIVERBY, deadlines) are left out.
//
// arrive(), then run() until it asks nothing more; after each question answer().
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "codec/smtp/command.h"
#include "codec/smtp/listener.h"
#include "codec/smtp/passed_reply.h"
#include "codec/smtp/server_session.h"
#include "codec/smtp/verdicts.h"

namespace mail::model {

// A reply: code and enhanced code, "" where there is none.
struct Said {
  int code = 0;
  std::string enhanced;
  unsigned offers = 0;  // of EHLO, see kOffers
};
// What EHLO is asked about: bit 0 is the first.
inline constexpr std::string_view kOffers[] = {"STARTTLS", "AUTH", "CHUNKING", "REQUIRETLS", "DSN"};

enum class Ask : std::uint8_t { sender, recipient, login, step, lookup, data, commit, tls };
struct Question {
  Ask what{};
  std::string about;  // the address, the login, the content
};

struct Judged {
  smtp::PolicyWords words;  // of a judge
  std::variant<smtp::SenderVerdict, smtp::RecipientVerdict, smtp::LoginVerdict, smtp::SaslChallenge,
               smtp::LookupVerdict, smtp::DataVerdict, smtp::CommitVerdict, smtp::PassedReply>
      verdict;
};

// Of a connection that is not in the listener.
struct Around {
  bool may_relay = false;
  bool loopback = false;
  bool cram_md5 = false;
  bool tls_available = true;
};

class Model {
 public:
  // All there is of a transaction; a new one begins with nothing.
  struct Mail {
    std::string sender;
    std::vector<std::string> recipients;
    bool binary = false;
    bool smtputf8 = false;
    std::string content;       // of chunks
    std::uint32_t chunks = 0;  // BDAT commands
    bool cr = false;           // the last octet of them is one
  };
  // All there is of a client; what is learnt before STARTTLS is not known after it.
  struct Client {
    std::string helo;
    bool esmtp = false;
    bool tls = false;
    std::string login;
  };

  Model(const smtp::SmtpListener& rules, Around around) : rules_(rules), around_(around) {}

  void begin_under_tls() { client_.tls = true; }
  void arrive(std::string_view bytes);
  std::optional<Question> run();
  void answer(const Judged& judged, std::string_view account);
  void tls_established();
  void time_out();
  void shut_down();
  void disconnect();

  smtp::Phase phase() const;
  const Mail& mail() const { return mail_; }
  const Client& client() const { return client_; }
  bool keeps_content() const;  // something of a message may be staged
  std::vector<Said>& said() { return said_; }

 private:
  struct Chunk {
    std::uint64_t size = 0;
    std::uint64_t left = 0;
    bool last = false;
    std::optional<Said> refusal;  // said when it has been swallowed
    bool counts = false;          // as an error
  };
  struct Exchange {
    enum class Kind : std::uint8_t { plain, login, steps };
    Kind kind = Kind::plain;
    std::string mechanism;
    std::optional<std::string> user;
  };

  bool strict() const { return rules_.role != smtp::Role::relay; }

  void greet();
  void say(int code, std::string_view enhanced) { said_.push_back({code, std::string(enhanced)}); }
  void end(int code, std::string_view enhanced);    // the last words
  void error(int code, std::string_view enhanced);  // of the client's
  void put_off(int code, std::string_view enhanced);
  void by_judge(int code, std::string_view enhanced, const smtp::PolicyWords& words);
  bool patient();  // with a command that carries no mail
  void forget_mail();

  void take(char octet, bool behind);
  void take_of_line(char octet, bool behind);
  bool over_limit() const;
  void on_line(std::string_view line, bool behind);
  void on_command(std::string_view verb, std::string_view argument, bool behind);
  std::optional<Said> not_yet(std::string_view verb) const;
  bool ends_group(std::string_view verb, std::string_view argument) const;
  smtp::Parameters offered() const;

  void helo(std::string_view argument, bool extended);
  void sender(std::string_view argument);
  void recipient(std::string_view argument);
  void data(std::string_view argument);
  // What the wire has held so far; `damaged` by a line end that is none.
  struct Content {
    std::string octets;
    bool damaged = false;
  };
  Content content_of_wire() const;
  void take_of_data(char octet);
  void end_of_data();
  void bdat(std::string_view argument, std::optional<Said> refusal);
  std::optional<Said> no_chunk(std::uint64_t size) const;
  void refuse_chunk(Said reply);
  void take_of_chunk(char octet);
  void end_of_chunk();
  void starttls(std::string_view argument, bool behind);
  void auth(std::string_view argument);
  void on_response(std::string_view line);
  void respond(const std::optional<std::string>& response);
  void look_up(std::string_view argument, bool expand);
  void ask(Ask what, std::string about) { asked_ = Question{what, std::move(about)}; }

  void take_verdict(smtp::SenderVerdict verdict, const smtp::PolicyWords& words);
  void take_verdict(smtp::RecipientVerdict verdict, const smtp::PolicyWords& words);
  void take_verdict(smtp::LoginVerdict verdict, std::string_view account);
  void take_verdict(const smtp::LookupVerdict& verdict);
  void take_verdict(const smtp::DataVerdict& verdict);
  void take_verdict(const smtp::CommitVerdict& verdict);
  void take_verdict(const smtp::PassedReply& reply, Ask to);
  void take_recipient();

  const smtp::SmtpListener& rules_;
  Around around_;
  std::string input_;
  std::vector<Said> said_;
  std::optional<Question> asked_;
  bool greeted_ = false;
  bool stopping_ = false;

  smtp::Phase phase_ = smtp::Phase::connected;
  Client client_;
  Mail mail_;
  std::optional<Exchange> exchange_;
  std::optional<Chunk> chunk_;
  bool chunk_failed_ = false;  // and those behind it will
  std::string wire_;           // of DATA, as it came
  std::string wanted_;         // the recipient asked about
  std::string wanted_domain_;
  bool expanding_ = false;     // EXPN, not VRFY
  bool low_priority_ = false;  // asked for more than it may have

  std::string line_;
  bool line_too_long_ = false;

  // Of the connection: what protects us from a client is not forgotten with what it said.
  std::uint32_t errors_ = 0;
  std::uint32_t junk_ = 0;
  std::uint32_t messages_ = 0;
  std::uint64_t overlong_ = 0;   // octets of lines that were too long
  std::uint64_t swallowed_ = 0;  // octets of chunks that were refused
  std::set<std::string, std::less<>> domains_;
};

}  // namespace mail::model
