// Domains, accounts and aliases as an immutable snapshot of the control store (design §3), and the
// one place that says who a local address is. Any thread; a session asks the snapshot of the
// moment. Addresses are compared in lower case. A disabled account may not log in, but still
// receives: its mail is nobody else's to bounce.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "codec/address/address.h"
#include "service/directory/account_row.h"
#include "service/directory/account_table.h"
#include "service/directory/forwarding.h"

namespace mail {

struct DomainRow {
  std::string name;   // lower case
  std::string owner;  // account address: gets postmaster, abuse, root; "" until the first account
};
struct AliasRow {
  std::string address;  // lower case; "@domain" is the catch-all of a domain
  // Addresses, local or not; those elsewhere keep the case of their local part (RFC 5321 §2.4).
  std::vector<std::string> members;
  // RFC 5321 §3.9.2: not empty makes it a list, whose mail goes out with this return path; an alias
  // (§3.9.1) keeps the sender's.
  std::string owner{};
  bool is_list() const { return !owner.empty(); }
};

// Who an address is, after expansion of aliases (at most 10 deep, loops cut, doubles removed, local
// members that are nobody left out).
struct Resolution {
  enum class Kind : std::uint8_t { not_local, unknown_user, taken };
  struct Member {
    std::string address;               // final recipient; in lower case if local
    std::optional<AccountId> account;  // nothing: an address elsewhere, a route decides
    // Owner of the list that sent it here, the innermost where lists are nested: the delivery's
    // reverse path (RFC 5321 §3.9.2). "": no list was crossed; the sender's is kept, or written
    // anew (Forwarding). The sender <> stays in any case (a notice must not cause notices). A list
    // ends what the sender asked to be told: a DSN asked for on success says "delivered" when the
    // list has taken the message, and its deliveries carry no NOTIFY or ORCPT of the sender's (RFC
    // 3461 §5.2.7.2; an alias: §5.2.7.3).
    std::string list_owner{};
  };
  Kind kind = Kind::unknown_user;
  // Whether there are other members than the recipient itself. False: the one member's address is
  // recipient.key(), its "+tag" kept; `received` must name it so. True: the event `expanded` names
  // the members. Otherwise the sums of security.md 17 break.
  bool expanded = false;
  bool always_taken =
      false;  // postmaster, abuse, root: no policy, greylist or quota (RFC 5321 §4.5.1)
  // The one member is the sender who was rewritten to this address when mail was sent on: a notice
  // comes back. Taken from the null path only.
  bool rewritten = false;
  using Members = boost::container::small_vector<Member, 1>;
  Members members;  // empty only with always_taken: nobody owns the domain yet, hold it
};

class Directory {
 public:
  Directory() = default;
  Directory(std::vector<DomainRow> domains, std::vector<AccountRow> accounts,
            std::vector<AliasRow> aliases);

  // The same with one account more, younger than all others; cheap however many there are. Nothing:
  // it changes more than itself, and all has to be read again.
  std::optional<Directory> with(AccountRow account) const;

  // Before it is shared. Null: nothing is rewritten.
  void set_forwarding(std::shared_ptr<const Forwarding> forwarding) {
    forwarding_ = std::move(forwarding);
  }
  const Forwarding* forwarding() const { return forwarding_.get(); }

  bool is_local(const Domain& domain) const;
  // Order: account, alias, account without "+tag", postmaster/abuse/root -> owner, a sender that
  // was rewritten here (Resolution::rewritten), catch-all.
  // A recipient with an empty domain ("Postmaster") belongs to the first domain. The owner is the
  // domain's oldest account while the one named does not exist.
  Resolution resolve(const Mailbox& recipient) const;
  // Rows in any case of the address; they die with the snapshot.
  const AccountRow* account(std::string_view address) const;
  const AccountRow* account(AccountId id) const;
  const AliasRow* alias(std::string_view address) const;
  // Whether any account may log in by CRAM-MD5: only then it is offered.
  bool has_cram_md5() const { return has_cram_md5_; }
  // Whether `login` may use this sender: its own address, with any +tag, an alias whose only member
  // it is, or what was granted to it (RFC 6409 §6.1). A tagged address that is somebody's own is
  // that one's, a catch-all gives no right to send, and a granted address is granted without tags.
  bool may_send_as(std::string_view login, const Mailbox& sender) const;

  const std::vector<DomainRow>& domains() const { return names_->domains; }
  const AccountTable& accounts() const { return accounts_; }
  const std::vector<AliasRow>& aliases() const { return names_->aliases; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Index = std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>>;
  // All take an address or name in lower case.
  const AccountRow* find_account(const std::string& address) const {
    return accounts_.find(std::string_view(address));
  }
  const AliasRow* find_alias(const std::string& address) const;
  const AccountRow* account_without_tag(std::string_view address) const;
  const AccountRow* owner_of(std::string_view domain) const;
  std::optional<std::string> rewritten_sender(const Mailbox& recipient) const;
  void expand(std::string address, Resolution::Members& members) const;

  // What an account more does not change, shared with the snapshot before.
  struct Names {
    std::vector<DomainRow> domains;
    std::vector<AliasRow> aliases;
    Index domain_index;
    Index alias_index;
    Index owner_index;     // domain -> account
    Index missing_owners;  // named by a domain, and no account yet
  };
  std::shared_ptr<const Names> names_ = std::make_shared<const Names>();
  AccountTable accounts_;  // oldest first
  bool has_cram_md5_ = false;
  std::shared_ptr<const Forwarding> forwarding_;
};

}  // namespace mail
