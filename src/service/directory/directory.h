// Domains, accounts and aliases as an immutable snapshot of the control store (design §3), and the
// one place that says who a local address is. Any thread; a session asks the snapshot of the
// moment. Addresses are compared in lower case. A disabled account may not log in, but still
// receives: its mail is nobody else's to bounce.
#pragma once

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

namespace mail {

struct DomainRow {
  std::string name;   // lower case
  std::string owner;  // account address: gets postmaster, abuse, root; "" until the first account
};
// What a login may be used for. One made for a phone need not open what it never needs.
struct Rights {
  bool submit = true;
  bool read = true;
  bool operator==(const Rights&) const = default;
};
// A password of its own for one program of a user's. It is generated, with 120 bits, so that a fast
// digest of it is as good as a slow hash of a word.
struct AppPasswordRow {
  std::string name;    // lower case
  std::string digest;  // AppPasswords::digest
  std::string scram;   // as AccountRow::scram
  Rights rights{};
};
struct AccountRow {
  AccountId id;
  std::string address;        // lower case
  std::string password_hash;  // crypt(3) string: yescrypt
  bool disabled = false;
  std::uint64_t quota_bytes = 0;  // only where has_quota
  bool has_quota = false;
  std::vector<std::string> send_as{};  // granted senders: "team@yahoo.test", "*@yahoo.test"; sorted
  std::string scram{};                 // gsasl::ScramKeys as text; "" before they could be made
  std::string cram_md5{};  // "" unless asked for: whoever reads it can log in by CRAM-MD5
  std::vector<AppPasswordRow> app_passwords{};  // by name
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
    // reverse path (RFC 5321 §3.9.2). "": no list was crossed, the sender's is kept, as it is where
    // the sender is <> (a notice must not cause notices). A list ends what the sender asked to be
    // told: a DSN asked for on success says "delivered" when the list has taken the message, and
    // its deliveries carry no NOTIFY or ORCPT of the sender's (RFC 3461 §5.2.7.2; an alias:
    // §5.2.7.3).
    std::string list_owner{};
  };
  Kind kind = Kind::unknown_user;
  // Whether there are other members than the recipient itself. False: the one member's address is
  // recipient.key(), its "+tag" kept; `received` must name it so. True: the event `expanded` names
  // the members. Otherwise the sums of security.md 17 break.
  bool expanded = false;
  bool always_taken =
      false;  // postmaster, abuse, root: no policy, greylist or quota (RFC 5321 §4.5.1)
  std::vector<Member> members;  // empty only with always_taken: nobody owns the domain yet, hold it
};

class Directory {
 public:
  Directory() = default;
  Directory(std::vector<DomainRow> domains, std::vector<AccountRow> accounts,
            std::vector<AliasRow> aliases);

  bool is_local(const Domain& domain) const;
  // Order: account, alias, account without "+tag", postmaster/abuse/root -> owner, catch-all.
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

  const std::vector<DomainRow>& domains() const { return domains_; }
  const std::vector<AccountRow>& accounts() const { return accounts_; }
  const std::vector<AliasRow>& aliases() const { return aliases_; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Index = std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>>;
  // All take an address or name in lower case.
  const AccountRow* find_account(const std::string& address) const;
  const AliasRow* find_alias(const std::string& address) const;
  const AccountRow* account_without_tag(std::string_view address) const;
  const AccountRow* owner_of(std::string_view domain) const;
  void expand(std::string address, std::vector<Resolution::Member>& members) const;

  std::vector<DomainRow> domains_;
  std::vector<AccountRow> accounts_;  // oldest first
  std::vector<AliasRow> aliases_;
  Index domain_index_;
  Index account_index_;
  Index alias_index_;
  Index owner_index_;  // domain -> account
  std::unordered_map<AccountId, std::size_t> account_by_id_;
  bool has_cram_md5_ = false;
};

}  // namespace mail
