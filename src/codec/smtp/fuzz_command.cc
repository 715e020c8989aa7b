// Any line as a command: nothing crashes, and values keep what their types promise.
#include <cstddef>
#include <cstdint>

#include "codec/smtp/command.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::smtp;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const CommandLine command = parse_command(line);
  MAIL_ASSERT(command.argument.size() <= line.size());
  for (const std::string_view argument : {command.argument, line}) {
    constexpr Parameters kAll{true, true, true, true, true, true, true, true, true, true, true};
    if (const auto mail = parse_mail(argument, kAll)) {
      MAIL_ASSERT(!has_control(mail->auth.value_or("")) && !has_control(mail->options.envid));
      MAIL_ASSERT(mail->options.priority >= -9 && mail->options.priority <= 9);
    }
    if (const auto rcpt = parse_rcpt(argument, kAll, line.size() % 2 == 0)) {
      MAIL_ASSERT(!has_control(rcpt->original));
      // <""@a.example> has an empty local part, and RFC 5321 §4.1.2 allows it.
      MAIL_ASSERT(!rcpt->mailbox.to_string().empty());
    }
    if (const auto chunk = parse_bdat(argument)) MAIL_ASSERT(argument.size() > chunk->last * 5U);
    if (const auto auth = parse_auth(argument)) MAIL_ASSERT(!auth->mechanism.empty());
    if (const auto helo = parse_helo(argument)) MAIL_ASSERT(!has_control(*helo));
    if (const auto text = mail::decode_xtext(argument)) {
      MAIL_ASSERT(text->size() <= argument.size() && !has_control(*text));
    }
  }
  return 0;
}
