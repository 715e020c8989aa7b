#include "service/door/listing.h"

#include <algorithm>

#include "base/text.h"
#include "codec/dns/name.h"

namespace mail::door {
namespace {

bool is_127(const IpAddress& answer) { return answer.is_v4() && answer.bytes[12] == 127; }

void fill(std::string& text, std::string_view place, std::string_view with) {
  for (std::size_t at = text.find(place); at != std::string::npos;
       at = text.find(place, at + with.size())) {
    text.replace(at, place.size(), with);
  }
}

}  // namespace

std::string list_name(const IpAddress& client, std::string_view zone) {
  const std::string reverse = dns::reverse_name(client);
  const std::string_view suffix = client.is_v4() ? "in-addr.arpa" : "ip6.arpa";
  return concat(std::string_view(reverse).substr(0, reverse.size() - suffix.size()), zone);
}

std::string list_name(std::string_view domain, std::string_view zone) {
  return concat(domain, '.', zone);
}

std::string never_listed_name(std::string_view zone) { return concat("invalid.", zone); }

std::string never_listed_name(const IpAddress& client, std::string_view zone) {
  if (client.is_v4()) return concat("1.0.0.127.", zone);
  // ::FFFF:7F00:1
  return concat("1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.", zone);
}

std::string test_entry_name(const List& list) {
  return concat(list.domains ? "test." : "2.0.0.127.", list.zone);
}

bool counts(const List& list, const IpAddress& answer) {
  if (!is_127(answer)) return false;  // RFC 5782 §2.1; a parked domain answers with anything
  if (list.answers.empty()) return answer.bytes[13] != 255 || answer.bytes[14] != 255;
  return std::ranges::any_of(list.answers,
                             [&](const IpNetwork& network) { return network.contains(answer); });
}

std::string reply_of(const List& list, const IpAddress& client, std::string_view domain) {
  const std::string address = client.to_string();
  if (list.reply.empty() && domain.empty()) {
    return concat("Your address ", address, " is listed by ", list.zone);
  }
  if (list.reply.empty()) return concat(domain, " is listed by ", list.zone);
  std::string out = list.reply;
  fill(out, "{address}", address);
  fill(out, "{domain}", domain);
  return out;
}

}  // namespace mail::door
