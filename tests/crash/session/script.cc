#include "script.h"

#include "base/base64.h"
#include "base/text.h"

namespace mail::model {

namespace {

using std::string_view;

constexpr string_view kHelos[] = {"EHLO client.test", "EHLO client.test", "EHLO client.test",
                                  "HELO client.test", "EHLO [127.0.0.1]", "EHLO",
                                  "EHLO two words",   "HELO \xFF.test"};
constexpr string_view kSenders[] = {"<a@b.test>", "<a@b.test>", "<jerry@yahoo.test>", "<>",
                                    "<@hop.test:a@b.test>"};
constexpr string_view kBadSenders[] = {"a@b.test",        "<a@b.test",         "<a b@c.test>",
                                       "<Postmaster>",    "<\xC3\xBC@b.test>", "",
                                       "<a@b.test>SIZE=1"};
constexpr string_view kMailParameters[] = {
    "SIZE=10",       "SIZE=99999999",   "SIZE=10 SIZE=10",   "SIZE=x",
    "BODY=8BITMIME", "BODY=BINARYMIME", "BODY=7BIT",         "BODY=9BIT",
    "SMTPUTF8",      "AUTH=<>",         "RET=HDRS ENVID=e1", "RET=ALL",
    "REQUIRETLS",    "MT-PRIORITY=3",   "MT-PRIORITY=x",     "XYZZY=1"};
constexpr string_view kRecipients[] = {"<jerry@yahoo.test>", "<tom@gmail.test>", "<Postmaster>",
                                       "<x%y@yahoo.test>", "<@r.test:z@q.test>"};
constexpr string_view kBadRecipients[] = {"jerry@yahoo.test", "<>", "<jerry@>",
                                          "<\xC3\xBC@q.test>"};
constexpr string_view kRcptParameters[] = {"NOTIFY=NEVER", "NOTIFY=NEVER,DELAY", "NOTIFY=SUCCESS",
                                           "ORCPT=rfc822;x@y.test", "SIZE=1"};
constexpr string_view kCommands[] = {"RSET",
                                     "RSET now",
                                     "NOOP",
                                     "NOOP x",
                                     "HELP",
                                     "QUIT",
                                     "QUIT x",
                                     "VRFY",
                                     "VRFY jerry",
                                     "EXPN <team>",
                                     "DATA",
                                     "DATA x",
                                     "STARTTLS",
                                     "STARTTLS x",
                                     "XYZZY",
                                     "GET / HTTP",
                                     "",
                                     " ",
                                     "MAIL",
                                     "RCPT",
                                     "RCPT TO:<a@b.test>",
                                     "AUTH",
                                     "BDAT",
                                     "BDAT x",
                                     "BDAT 5 X",
                                     "BDAT 0",
                                     "BDAT 0 LAST",
                                     "\xFF\xFE",
                                     "NO\rOP",
                                     "NOOP\nRSET",
                                     "MAIL FROM:<a@b.test>",
                                     "AUTH PLAIN",
                                     "AUTH XYZZY",
                                     "EHLO client.test"};
constexpr string_view kLines[] = {
    "Subject: x\r\n", "From: <a@b.test>\r\n", "\r\n", "text\r\n", "..\r\n", ".dot\r\n",
    ". \r\n",         "\xE2\x82\xAC\r\n"};
constexpr string_view kOddLines[] = {
    "bare\nline\r\n", "bare\rline\r\n", ".\r\n",     "\n.\n",   "\r.\r\n",
    "\r\n.\n",        "\r\r\n.\r\r\n",  "nul\0\r\n", "\n.\r\n", "no end"};

class Writer {
 public:
  explicit Writer(std::uint64_t seed) : dice_(seed) {
    script_.seed = dice_.next();
    choose_listener();
    script_.early = dice_.one_in(60);
  }

  Script write() {
    const std::size_t sessions = 1 + dice_.below(2);
    for (std::size_t i = 0; i < sessions; ++i) {
      begin();
      const std::size_t messages = 1 + dice_.below(3);
      for (std::size_t n = 0; n < messages; ++n) transaction();
    }
    if (dice_.one_in(3)) command("QUIT");
    return std::move(script_);
  }

 private:
  void choose_listener() {
    smtp::SmtpListener& with = script_.listener;
    with.hostname = "mx.test";
    with.role = static_cast<smtp::Role>(dice_.below(3));
    with.tls = static_cast<smtp::TlsMode>(dice_.below(3));
    if (with.role != smtp::Role::mx) {
      with.insecure_auth = dice_.one_in(with.tls == smtp::TlsMode::none ? 1 : 4);
      if (dice_.one_in(6)) with.mode = smtp::Mode::end_to_end;
    }
    constexpr std::uint64_t kSizes[] = {64, 2000, 2000, 1'000'000, 1'000'000};
    with.max_message_size = dice_.of(kSizes);
    if (dice_.one_in(4)) with.max_recipients = 2;
    if (dice_.one_in(8)) with.max_recipient_domains = 2;
    if (dice_.one_in(8)) with.max_messages = 2;
    if (dice_.one_in(4)) with.max_errors = 3;
    if (dice_.one_in(4)) with.max_junk_commands = 4;
    if (dice_.one_in(2)) with.bare_lf = smtp::BareLf::normalize;
    if (dice_.one_in(3)) with.bdat_bare_lf = smtp::BareLf::reject;
    with.enhanced_status_codes = !dice_.one_in(8);
    with.chunking = !dice_.one_in(8);
    with.binarymime = with.chunking && !dice_.one_in(4);
    with.dsn = !dice_.one_in(4);
    with.requiretls = !dice_.one_in(4);
    with.smtputf8 = !dice_.one_in(4);
    with.futurerelease = with.deliverby = false;  // points in time: no states
    with.vrfy = dice_.one_in(2);
    with.expn = dice_.one_in(2);
    script_.around = {dice_.one_in(2), dice_.one_in(2), dice_.one_in(2), !dice_.one_in(20)};
  }

  // Once in `alone` times it waits for its answer, else what follows arrives with it.
  void add(std::string bytes, std::size_t alone) {
    Step step;
    step.bytes = std::move(bytes);
    step.joined = !dice_.one_in(alone);
    if (dice_.one_in(3)) step.cut = 1 + dice_.below(dice_.one_in(2) ? 4 : 24);
    script_.steps.push_back(std::move(step));
  }

  // `may_join`: the next may come in the same group (RFC 2920 §3.1).
  void command(string_view text, bool may_join = false) {
    std::string line(text);
    if (dice_.one_in(8)) {
      for (char& c : line) c = dice_.one_in(2) ? ascii_lower(c) : c;
    }
    line += dice_.one_in(30) ? " \t\r\n" : "\r\n";
    if (dice_.one_in(60)) spoil(line);
    Step step;
    step.joined = may_join ? dice_.one_in(2) : dice_.one_in(40);
    if (dice_.one_in(4)) step.cut = 1 + dice_.below(8);
    step.bytes = std::move(line);
    script_.steps.push_back(std::move(step));
  }

  void spoil(std::string& bytes) {
    const std::size_t at = dice_.below(bytes.size());
    switch (dice_.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(dice_.below(256));
        break;
      case 1:
        bytes.erase(at, 1);
        break;
      case 2:
        bytes.insert(at, 1, dice_.of(string_view("\r\n\0 .<>\x7F", 8)));
        break;
      default:
        bytes.resize(at);
    }
  }

  void noise() {
    if (dice_.one_in(9)) command(dice_.of(kCommands), dice_.one_in(3));
    if (dice_.one_in(100)) junk();
    if (dice_.one_in(150)) overlong();
    if (!dice_.one_in(250)) return;
    Step step;
    constexpr Step::Kind kKinds[] = {Step::Kind::time_out, Step::Kind::shut_down, Step::Kind::gone};
    step.kind = dice_.of(kKinds);
    script_.steps.push_back(step);
  }

  void junk() {
    std::string bytes;
    for (std::size_t left = 1 + dice_.below(40); left > 0; --left) {
      bytes += dice_.one_in(4) ? dice_.of(string_view("\r\n. \0<>:", 8))
                               : static_cast<char>(dice_.below(256));
    }
    if (dice_.one_in(2)) bytes += "\r\n";
    add(std::move(bytes), 2);
  }

  // Around the limits of a line (2048, 12288) and of all that is thrown away (64 KiB).
  void overlong() {
    constexpr std::size_t kSizes[] = {2040, 2040, 12280, 30000, 70000};
    constexpr string_view kBegins[] = {"NOOP ", "AUTH PLAIN ", "auth x", ""};
    std::string line(dice_.of(kBegins));
    line.resize(dice_.of(kSizes) + dice_.below(20), 'A');
    if (dice_.one_in(6)) line += dice_.one_in(2) ? "\n" : "\r";
    add(line + "\r\n", 2);
  }

  void begin() {
    const smtp::SmtpListener& with = script_.listener;
    const bool tls = with.tls == smtp::TlsMode::starttls;
    if (!dice_.one_in(30)) command(dice_.one_in(8) ? dice_.of(kHelos) : kHelos[0]);
    noise();
    if (tls && dice_.one_in(10)) {  // something that must not survive it
      if (dice_.one_in(2)) login();
      envelope();
    }
    if (tls && dice_.below(10) < 7) {
      command("STARTTLS");
      if (dice_.one_in(20)) script_.steps.back().joined = true;
      if (!dice_.one_in(10)) command(dice_.of(kHelos));
    }
    const bool wanted = with.role == smtp::Role::submission || dice_.one_in(4);
    if (with.role != smtp::Role::mx ? wanted && !dice_.one_in(10) : dice_.one_in(30)) login();
    noise();
  }

  void response(string_view right) {
    std::string line = base64_encode(right);
    if (dice_.one_in(12)) line = dice_.one_in(2) ? "*" : "not base64!";
    if (dice_.one_in(30)) line.resize(12'200 + dice_.below(200), 'A');
    command(line);
  }

  void login() {
    constexpr string_view kPlain[] = {string_view("\0jerry@yahoo.test\0secret", 24),
                                      string_view("jerry@yahoo.test\0jerry@yahoo.test\0x", 35),
                                      string_view("other\0jerry@yahoo.test\0x", 24),
                                      string_view("\0\0", 2), "none"};
    const string_view plain = dice_.one_in(3) ? dice_.of(kPlain) : kPlain[0];
    switch (dice_.below(8)) {
      case 0:
        command("AUTH LOGIN");
        response("jerry@yahoo.test");
        return response("secret");
      case 1:
        command("AUTH LOGIN amVycnlAeWFob28udGVzdA==");
        return response("secret");
      case 2:
        command("AUTH PLAIN");
        return response(plain);
      case 3:
        command(dice_.one_in(4) ? "AUTH CRAM-MD5 eA==" : "AUTH CRAM-MD5");
        return response("jerry 0123456789abcdef");
      case 4:
        command(dice_.one_in(2) ? "AUTH SCRAM-SHA-256" : "AUTH SCRAM-SHA-256 biwsbj1qZXJyeQ==");
        response("c=biws");
        return response("");
      default:
        return command(concat("AUTH PLAIN ", base64_encode(plain)), true);
    }
  }

  std::string with_parameters(string_view verb, string_view path, string_view parameter) {
    std::string line = concat(verb, path);
    if (dice_.one_in(5)) append(line, ' ', parameter);
    return line;
  }

  void envelope() {
    const string_view from = dice_.one_in(25) ? dice_.of(kBadSenders) : dice_.of(kSenders);
    command(with_parameters("MAIL FROM:", from, dice_.of(kMailParameters)), true);
    noise();
    for (std::size_t n = 1 + dice_.below(3); n > 0; --n) {
      const string_view to = dice_.one_in(25) ? dice_.of(kBadRecipients) : dice_.of(kRecipients);
      command(with_parameters("RCPT TO:", to, dice_.of(kRcptParameters)), true);
    }
    noise();
  }

  std::string content() {
    std::string text;
    for (std::size_t n = dice_.below(dice_.one_in(12) ? 60 : 8); n > 0; --n) {
      text += dice_.one_in(40) ? dice_.of(kOddLines) : dice_.of(kLines);
    }
    if (dice_.one_in(30)) text.append(1 + dice_.below(3000), 'x').append("\r\n");
    if (dice_.one_in(800)) {  // staged, or far too large
      const std::size_t size = dice_.one_in(3) ? 2'400'000 : 200'000 + dice_.below(600'000);
      while (text.size() < size) text.append(70, 'y').append("\r\n");
    }
    return text;
  }

  void transaction() {
    envelope();
    if (dice_.one_in(3)) {
      chunks();
    } else {
      command("DATA");
      std::string text = content();
      if (!text.empty() && dice_.one_in(60)) spoil(text);
      if (!dice_.one_in(25)) text += ".\r\n";
      add(std::move(text), 2);
    }
    noise();
  }

  void chunks() {
    constexpr std::size_t kSizes[] = {0, 1, 1024, 1500, 70'000, 300'000};
    constexpr string_view kWrongSizes[] = {
        "70000", "300000", "18446744073709551615", "99999999999999999999", "-1", "5 LAST x"};
    std::size_t n = 1 + dice_.below(3);
    for (; n > 0; --n) {
      std::string text = dice_.one_in(8) ? std::string(dice_.of(kSizes), 'z') : content();
      if (text.size() >= 70'000 && !dice_.one_in(20)) text.resize(1030);
      const bool last = n == 1 ? !dice_.one_in(10) : dice_.one_in(20);
      std::string line = concat("BDAT ", text.size(), last ? " LAST\r\n" : "\r\n");
      if (dice_.one_in(80)) line = concat("BDAT ", dice_.of(kWrongSizes), "\r\n");
      if (dice_.one_in(60)) text += dice_.one_in(2) ? "x" : "\r\n";
      add(line + text, dice_.one_in(2) ? 1 : 40);
      if (dice_.one_in(25)) noise();
    }
  }

  Dice dice_;
  Script script_;
};

}  // namespace

Script make_script(std::uint64_t seed) { return Writer(seed).write(); }

std::string escaped(string_view bytes) {
  std::string out;
  constexpr std::size_t kShown = 300;
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < ' ' || byte > '~' || c == '\\') {
      append(out, "\\x", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      out += c;
    }
  }
  if (bytes.size() > kShown) append(out, "... (", bytes.size(), " octets)");
  return out;
}

std::string describe(const Script& script) {
  const smtp::SmtpListener& with = script.listener;
  constexpr string_view kTls[] = {"none", "starttls", "implicit"};
  std::string out = concat(
      "role ", to_string(with.role), ", tls ", kTls[static_cast<std::size_t>(with.tls)],
      with.insecure_auth ? ", insecure_auth" : "", with.end_to_end() ? ", end_to_end" : "",
      ", size ", with.max_message_size, ", recipients ", with.max_recipients, ", domains ",
      with.max_recipient_domains, ", messages ", with.max_messages, ", errors ", with.max_errors,
      ", junk ", with.max_junk_commands, with.chunking ? "" : ", no chunking",
      with.bare_lf == smtp::BareLf::normalize ? ", bare_lf normalize" : "",
      with.bdat_bare_lf == smtp::BareLf::reject ? ", bdat_bare_lf reject" : "",
      script.around.may_relay ? ", may relay" : "", script.around.loopback ? ", loopback" : "",
      script.around.tls_available ? "" : ", no certificate", script.early ? ", talks early" : "",
      "\n");
  constexpr string_view kKinds[] = {"", "(time is out)", "(server stops)", "(client is gone)"};
  for (const Step& step : script.steps) {
    append(out, step.joined ? "  + " : "  > ", kKinds[static_cast<std::size_t>(step.kind)]);
    out += escaped(step.bytes);
    if (step.cut != 0) append(out, "   [pieces of up to ", step.cut, "]");
    out += '\n';
  }
  return out;
}

}  // namespace mail::model
