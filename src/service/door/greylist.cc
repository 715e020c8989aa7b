#include "service/door/greylist.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/text.h"

namespace mail::door {
namespace {

using std::chrono::seconds;

constexpr seconds kRetryWithin{2 * 86'400};  // a first try older than that is forgotten
constexpr std::string_view kMagic = "MWGREY1\n";
constexpr std::size_t kEntrySize = 3 * 8 + 1;

// The same in every process: what was learnt is kept on disk. A collision lets one more pass.
std::uint64_t key_of(const IpAddress& client, std::string_view domain) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&hash](std::uint8_t octet) { hash = (hash ^ octet) * 0x100000001b3; };
  const std::size_t network = client.is_v4() ? 15 : 8;  // a /24, or a /64
  for (std::size_t i = 0; i < network; ++i) add(client.bytes[i]);
  for (const char c : domain) add(static_cast<std::uint8_t>(c));
  return hash;
}

class GreylistHearing final : public Hearing {
 public:
  GreylistHearing(const Tools& tools, GreylistTable& table, const Case& of,
                  std::shared_ptr<const Settings> settings)
      : tools_(tools), table_(table), case_(of), settings_(std::move(settings)) {}

  Task<Verdict> message(Draft&) override {
    const IpAddress& client = case_.client.peer.address;
    const auto& sender = case_.transaction.reverse_path.mailbox;
    const std::string domain = sender ? sender->domain.text() : "<>";
    const WallTime now = tools_.clock().wall_now();
    if (dmarc_passed()) {
      table_.vouch(client, domain, now);
      co_return Accept{};
    }
    if (case_.evidence.score() < 0 || somebody_is_spared()) co_return Accept{};
    const auto wait = table_.wait(client, domain, settings_->greylist, now);
    if (!wait) co_return Accept{};
    co_return Defer{concat("greylisted ", domain, " for ", wait->count(), " s"),
                    concat("Not seen before, come back in ", wait->count(), " seconds"), "4.7.1"};
  }

 private:
  bool dmarc_passed() const {
    const mailauth::Findings* findings = case_.evidence.findings.get();
    const dmarc::Outcome* dmarc = findings == nullptr ? nullptr : findings->dmarc_decisive();
    return dmarc != nullptr && dmarc->verdict == dmarc::Verdict::pass;
  }
  bool somebody_is_spared() const {
    const auto directory = tools_.control.snapshot();
    return std::ranges::any_of(
        case_.transaction.recipients, [&](const smtp::TakenRecipient& recipient) {
          return settings_->mode_of(recipient.domain.text()) == Mode::observe ||
                 directory->resolve(recipient).always_taken;
        });
  }

  const Tools& tools_;
  GreylistTable& table_;
  const Case& case_;
  const std::shared_ptr<const Settings> settings_;
};

}  // namespace

std::optional<seconds> GreylistTable::wait(const IpAddress& client, std::string_view domain,
                                           const Greylist& settings, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= max_entries_) make_room(settings, now);
  const auto [found, is_new] = entries_.try_emplace(key_of(client, domain), Entry{now, now, false});
  Entry& entry = found->second;
  const bool forgotten = entry.known ? entry.last + settings.keep < now
                                     : entry.since + kRetryWithin < now || now < entry.since;
  if (is_new || forgotten) {
    entry = {now, now, false};
    return settings.delay;
  }
  entry.last = now;
  if (entry.known) return std::nullopt;
  if (now < entry.since + settings.delay) {
    return std::chrono::ceil<seconds>(entry.since + settings.delay - now);
  }
  entry.known = true;
  return std::nullopt;
}

void GreylistTable::vouch(const IpAddress& client, std::string_view domain, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= max_entries_) make_room({}, now);
  entries_.insert_or_assign(key_of(client, domain), Entry{now, now, true});
}

// First goes what has ended; where that is not enough, a quarter: those that never came back, then
// those not seen for longest.
void GreylistTable::make_room(const Greylist& settings, WallTime now) {
  std::erase_if(entries_, [&](const auto& row) {
    const Entry& entry = row.second;
    return entry.known ? entry.last + settings.keep < now : entry.since + kRetryWithin < now;
  });
  const std::size_t keep = max_entries_ - max_entries_ / 4;
  if (entries_.size() <= keep) return;
  std::vector<std::pair<std::pair<bool, WallTime>, std::uint64_t>> order;
  order.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) order.push_back({{entry.known, entry.last}, key});
  const auto first_kept = order.begin() + static_cast<std::ptrdiff_t>(order.size() - keep);
  std::ranges::nth_element(order, first_kept);
  for (auto row = order.begin(); row != first_kept; ++row) entries_.erase(row->second);
}

std::size_t GreylistTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::string GreylistTable::bytes() const {
  const std::lock_guard lock(mutex_);
  std::string out(kMagic);
  out.reserve(kMagic.size() + entries_.size() * kEntrySize + sizeof(std::uint32_t));
  for (const auto& [key, entry] : entries_) {
    append_big_endian(out, key);
    append_big_endian(out, entry.since.time_since_epoch().count());
    append_big_endian(out, entry.last.time_since_epoch().count());
    out.push_back(entry.known ? 1 : 0);
  }
  append_big_endian(out, crc32c(out));
  return out;
}

Result<void> GreylistTable::load(std::string_view bytes) {
  constexpr std::size_t kSum = sizeof(std::uint32_t);
  const std::size_t frame = kMagic.size() + kSum;
  const bool whole = bytes.size() >= frame && bytes.starts_with(kMagic) &&
                     (bytes.size() - frame) % kEntrySize == 0 &&
                     crc32c(bytes.substr(0, bytes.size() - kSum)) ==
                         read_big_endian<std::uint32_t>(bytes.substr(bytes.size() - kSum));
  if (!whole) return fail(Errc::store_corrupt, "not a greylist, or damaged");
  bytes = bytes.substr(kMagic.size(), bytes.size() - frame);
  const std::lock_guard lock(mutex_);
  for (; !bytes.empty() && entries_.size() < max_entries_; bytes.remove_prefix(kEntrySize)) {
    const auto time = [&](std::size_t at) {
      return WallTime(Milliseconds(read_big_endian<std::int64_t>(bytes.substr(at))));
    };
    entries_.insert_or_assign(read_big_endian<std::uint64_t>(bytes),
                              Entry{time(8), time(16), bytes[24] != 0});
  }
  return {};
}

std::unique_ptr<Hearing> Greylisting::open(const Case& of) {
  auto settings = tools_.settings.get();
  if (!settings->greylist.enabled || !is_judged(of, *settings)) return nullptr;
  return std::make_unique<GreylistHearing>(tools_, table_, of, std::move(settings));
}

}  // namespace mail::door
