// What the DNS says of a client, asked while it talks: lists, the names of its address, the name it
// gives itself, and the domains it names. All at once, from the connect on.
//
//   Inquiry inquiry(resolver, settings, client, deadline);   // lists and names are being asked
//   inquiry.ask_helo("mail.example", deadline);              // once it is known
//   inquiry.ask_domain("example.org", deadline);             // of lists of domains
//   co_await inquiry.ready();
//
// Threads: one executor's. The questions run as tasks of their own, which outlive the inquiry
// safely; they end by their deadline.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/ip_address.h"
#include "service/door/door_settings.h"

namespace mail::door {

// Whether names lead to the client's address and back (RFC 1912 §2.1).
enum class ReverseName : std::uint8_t { unknown /* no answer */, none, unconfirmed, confirmed };
enum class HeloName : std::uint8_t { unknown, missing /* the DNS has no such name */, found };

class Inquiry {
 public:
  // `resolver` outlives the tasks.
  Inquiry(dns::Resolver& resolver, std::shared_ptr<const Settings> settings, IpAddress client,
          MonoTime deadline);
  ~Inquiry();
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  void ask_helo(std::string name, MonoTime deadline);           // again: the last one counts
  void ask_domain(const std::string& name, MonoTime deadline);  // again: it is asked once
  void forget_domains();
  Task<void> ready();  // until all has been answered, or can not be

  // Of settings.lists; a list that lists what none may is left out, and logged.
  const std::vector<const List*>& listed_by() const;
  std::vector<const List*> listed_by(std::string_view domain) const;
  ReverseName reverse_name() const;
  HeloName helo_name() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mail::door
