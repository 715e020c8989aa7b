#include "service/smtpd/lookup.h"

#include <utility>

#include "base/text.h"
#include "platform/idn/idn.h"

namespace mail {
namespace {

using smtp::LookupVerdict;
using Kind = smtp::LookupVerdict::Kind;

std::vector<Mailbox> meant_by(std::string_view name, const Directory& directory) {
  std::vector<Mailbox> out;
  if (auto mailbox = Mailbox::parse(name, &idn::kFunctions)) {
    out.push_back(*std::move(mailbox));
    return out;
  }
  for (const DomainRow& domain : directory.domains()) {
    if (auto mailbox = Mailbox::parse(concat(name, "@", domain.name), &idn::kFunctions)) {
      out.push_back(*std::move(mailbox));
    }
  }
  return out;
}

LookupVerdict expand(const Resolution& resolution) {
  if (!resolution.expanded) return {Kind::no_list, {}};
  LookupVerdict verdict{Kind::found, {}};
  for (const Resolution::Member& member : resolution.members) {
    verdict.addresses.push_back(member.address);
  }
  return verdict;
}

}  // namespace

LookupVerdict look_up(const smtp::AskLookup& ask, const Directory& directory) {
  LookupVerdict verdict{Kind::unknown, {}};
  Resolution found;
  for (const Mailbox& mailbox : meant_by(ask.name, directory)) {
    Resolution resolution = directory.resolve(mailbox);
    if (resolution.kind == Resolution::Kind::not_local) return {Kind::elsewhere, {}};
    if (resolution.kind != Resolution::Kind::taken) continue;
    verdict.addresses.push_back(mailbox.to_string());
    found = std::move(resolution);
  }
  if (verdict.addresses.empty()) return verdict;
  verdict.kind = verdict.addresses.size() > 1 ? Kind::ambiguous : Kind::found;
  return ask.expand && verdict.kind == Kind::found ? expand(found) : verdict;
}

}  // namespace mail
