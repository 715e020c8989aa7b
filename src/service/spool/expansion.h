// From recipients as given at RCPT to deliveries: the one place that decides where each goes, and
// that counts them. Each final recipient gets the message once, however many ways lead to it; every
// replacement is an `expanded` event, so that the sums of security.md 17 hold.
// What its sender is to be told at once (RFC 3461 §5.2) is in Draft::notices.
// One message, one thread; all references outlive it.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address/address.h"
#include "codec/envelope/options.h"
#include "codec/record/notice.h"
#include "service/directory/directory.h"
#include "service/report/notice_policy.h"
#include "service/routing/route.h"
#include "service/store/draft.h"

namespace mail {

class Expansion {
 public:
  // The draft has its reverse path, options and header; its first event is `received`. It gets what
  // add() finds. Without `notices` nobody is told anything.
  Expansion(const Directory& directory, const Routes& routes, NoticePolicy* notices, Draft& draft)
      : directory_(directory), routes_(routes), notices_(notices), draft_(draft) {}
  // `asked` is what RCPT said beside the address; `lane` is whose mail it is (design §5).
  void add(const Mailbox& given, const Recipient& asked, std::string_view lane);

 private:
  // One final recipient, with the reverse path of its delivery.
  struct Final {
    Recipient recipient;
    std::string reverse_path;
  };

  void expand(const Recipient& name, const Resolution& resolution);
  Final final_of(const Resolution::Member& member, const Recipient& asked, bool alone) const;
  std::string path_sent_on(std::string_view alias) const;
  bool is_ours(std::string_view domain) const;
  // False: it has the message already.
  bool place(const Resolution::Member& member, Final recipient);
  bool place_elsewhere(Final recipient);
  void send_by(const Route& route, const std::string& domain, Final recipient);
  void put_into_mailbox(AccountId account, Final recipient);
  void bounce(Final recipient, std::string_view status, std::string why);
  void join(std::string_view fate, std::string_view domain, Target target, Final recipient);
  void note_expanded(const std::string& name, std::vector<std::string> members);
  void tell(record::NoticeKind kind, const Recipient& recipient, std::string_view reverse_path,
            std::string_view status, std::string_view words);
  bool has_been_at(std::string_view address);
  WallTime due() const;

  const Directory& directory_;
  const Routes& routes_;
  NoticePolicy* notices_;
  Draft& draft_;
  // What is remembered for the length of a message; of one with few recipients, without the heap.
  std::array<std::byte, 1024> memory_{};
  std::pmr::monotonic_buffer_resource arena_{memory_.data(), memory_.size()};
  std::pmr::set<std::pmr::string> given_{&arena_};
  std::pmr::set<AccountId> accounts_{&arena_};
  std::pmr::set<std::pmr::string> elsewhere_{&arena_};
  std::pmr::map<std::pmr::string, std::size_t> groups_{&arena_};  // -> draft_.deliveries
  std::optional<std::vector<std::string>> delivered_to_;          // of the header, in lower case
  std::string lane_;
};

}  // namespace mail
