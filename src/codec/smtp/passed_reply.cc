#include "codec/smtp/passed_reply.h"

#include <algorithm>

#include "base/text.h"

namespace mail::smtp {
namespace {

constexpr std::string_view kJoint = " / ";  // of lines, in Verdict::text
constexpr std::uint16_t kLocalError = 451;

// "5.1.1 " or "5.1.1" alone, of the class of the reply, which decides (RFC 2034 §4).
bool has_enhanced(std::string_view words, char reply_class) {
  const std::string_view code = words.substr(0, words.find(' '));
  return code.size() >= 5 && code[0] == reply_class && code[1] == '.' &&
         std::ranges::count(code, '.') == 2 && code.find_first_not_of("0123456789.") == code.npos;
}

// RFC 5321 §4.2: text is printable ASCII and HTAB; there is no SMTPUTF8 in this mode.
std::string clean(std::string_view words) {
  std::string out(words);
  std::ranges::replace_if(out, [](char c) { return c != '\t' && (c < ' ' || c > '~'); }, '?');
  return out;
}

void add_line(PassedReply& reply, std::string_view enhanced, std::string_view words) {
  if (reply.words.size() == kMaxPassedLines) return;
  const char reply_class = static_cast<char>('0' + reply.code / 100);
  std::string line =
      has_enhanced(words, reply_class) ? clean(words) : concat(enhanced, ' ', clean(words));
  constexpr std::size_t kAround = 4 + 2;  // code and separator before it, CRLF behind
  line.resize(std::min(line.size(), kMaxReplyLine - kAround));
  reply.words.push_back(std::move(line));
}

// Where the next line begins in `text`: behind a joint, with the same code. npos: there is none.
std::size_t next_line(std::string_view text, std::string_view code) {
  for (std::size_t at = text.find(kJoint); at != std::string_view::npos;
       at = text.find(kJoint, at + 1)) {
    const std::string_view there = text.substr(at + kJoint.size());
    const bool whole = there.size() == code.size();
    if (there.starts_with(code) &&
        (whole || there[code.size()] == '-' || there[code.size()] == ' ')) {
      return at;
    }
  }
  return std::string_view::npos;
}

}  // namespace

PassedReply pass_on(const Verdict& verdict) {
  PassedReply reply;
  reply.code = verdict.code == 421 ? kLocalError : verdict.code;
  // What stands for a class we can not name, or says "go on" where nothing goes on.
  if (const int kind = reply.code / 100; kind != 2 && kind != 4 && kind != 5) {
    reply.code = kLocalError;
  }
  const std::string code = concat(verdict.code);
  std::string_view rest = verdict.text;
  for (bool more = true; more;) {
    const std::size_t end = next_line(rest, code);
    std::string_view line = rest.substr(0, end);
    more = end != std::string_view::npos;
    if (more) rest.remove_prefix(end + kJoint.size());
    if (line.starts_with(code)) line.remove_prefix(std::min(line.size(), code.size() + 1));
    add_line(reply, verdict.enhanced, line);
  }
  return reply;
}

PassedReply refusal(std::string_view enhanced, std::string_view why) {
  PassedReply reply;
  reply.code = 550;
  add_line(reply, enhanced, why);
  return reply;
}

void append_passed_reply(std::string& out, const PassedReply& reply) {
  for (std::size_t i = 0; i < reply.words.size(); ++i) {
    const bool last = i + 1 == reply.words.size();
    append(out, reply.code, last ? ' ' : '-', reply.words[i], "\r\n");
  }
}

}  // namespace mail::smtp
