// mail_crash cuts N               N power cuts; MAIL_SEED=n repeats the world of one seed
// mail_crash faults N [PART PARTS] N faults of file operations; 0: each
// mail_crash fault EIO 17 once|ever SEED
// mail_crash state FOLDER          makes FOLDER/state, killed and ledger
// mail_crash look STATE LEDGER     what of the ledger is there
// mail_crash dump STATE ACCOUNTS   the mail of the first accounts, of a daemon that has stopped
#include <cstdlib>
#include <iostream>
#include <random>
#include <span>

#include "base/log.h"
#include "base/text.h"
#include "programs.h"

namespace {

// With MAIL_TRACE the stores' own words, for whoever looks into a finding.
class Trace final : public mail::log::Sink {
 public:
  void write(mail::log::Level, std::string_view event,
             std::span<const mail::log::Field> fields) override {
    std::string line(event);
    for (const auto& field : fields) mail::append(line, ' ', field.name, '=', field.value);
    std::clog << line + '\n';
  }
};

}  // namespace

int main(int count, char** values) {
  using namespace mail;
  Trace trace;
  if (std::getenv("MAIL_TRACE") != nullptr) log::set_sink(&trace);
  const std::span<char*> arguments(values, static_cast<std::size_t>(count));
  const std::string_view what = count > 1 ? arguments[1] : "";
  const auto number = [&](std::size_t index) {
    return index < arguments.size() ? parse_number(arguments[index]) : std::nullopt;
  };
  const char* const seed = std::getenv("MAIL_SEED");
  const std::optional<std::uint64_t> one = seed != nullptr ? parse_number(seed) : std::nullopt;
  const std::uint64_t first = one.value_or(std::random_device()());
  const std::optional<std::uint64_t> size = number(2);
  if (what == "cuts" && size) return crash::cut_power(*size, one, first);
  if (what == "faults" && size) {
    return crash::fail_operations(*size, first, number(3).value_or(0), number(4).value_or(1));
  }
  if (what == "state" && count > 2) return crash::make_state(arguments[2], first);
  if (what == "look" && count > 3) return crash::look(arguments[2], arguments[3]);
  if (what == "dump" && number(3)) return crash::dump(arguments[2], *number(3));
  if (what == "fault" && number(3) && arguments.size() == 6) {
    const bool for_ever = arguments[4] == std::string_view("ever");
    return crash::fail_one(arguments[2], *number(3), for_ever, number(5).value_or(0));
  }
  std::cerr << "usage: mail_crash cuts N | faults N [PART PARTS]\n";
  return 64;
}
