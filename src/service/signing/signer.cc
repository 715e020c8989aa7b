#include "service/signing/signer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "codec/mailauth/arc.h"
#include "codec/mailauth/findings.h"
#include "platform/tls/crypto.h"

namespace mail::signing {
namespace {

std::string_view domain_of(std::string_view address) {
  return address.substr(address.rfind('@') + 1);
}

std::string_view header_of(const Draft& draft) {
  return std::string_view(draft.content).substr(0, draft.header_size);
}

bool leaves(const Delivery& delivery) {
  const auto* route = std::get_if<ToRoute>(&delivery.target);
  return route != nullptr && route->queue.route != "local";
}

// Whom a login may sign for: its own domain, and what it may send as. Another domain that happens
// to be hosted here is somebody else's.
bool may_sign_for(const std::string& domain, const Case& of, const Directory& directory) {
  if (of.client.login.empty()) return true;  // [relay] networks
  const auto at_domain = [&](std::string_view address) { return domain_of(address) == domain; };
  const std::optional<Mailbox>& sender = of.transaction.reverse_path.mailbox;
  if (at_domain(of.client.login) || (sender && sender->domain.text() == domain)) return true;
  const AccountRow* account = directory.account(of.client.login);
  return account != nullptr && std::ranges::any_of(account->send_as, at_domain);
}

// The hosted domain that a host is, or lies below; the host where there is none.
std::string hosted_above(const std::string& host, const Directory& directory) {
  std::string_view name = host;
  for (;;) {
    const Result<Domain> domain = Domain::parse(name);
    if (domain && directory.is_local(*domain)) return domain->text();
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return host;
    name.remove_prefix(dot + 1);
  }
}

// Whether mail for these leads elsewhere, by an alias or a list.
bool is_sent_on(const smtp::Transaction& transaction, const Directory& directory) {
  return std::ranges::any_of(transaction.recipients, [&](const Mailbox& recipient) {
    const Resolution resolution = directory.resolve(recipient);
    return std::ranges::any_of(resolution.members, [](const Resolution::Member& member) {
      return !member.account.has_value();
    });
  });
}

// What stands behind the colon of our Authentication-Results.
std::string results_of(const mailauth::Findings& findings, const Case& of) {
  const mailauth::Envelope envelope{of.client.helo, of.transaction.reverse_path.to_string()};
  std::string field;
  authres::append_authentication_results(
      field, mailauth::describe(findings, envelope, of.listener.hostname));
  std::string_view value = field;
  value.remove_prefix(value.find(':') + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
  return std::string(value);
}

}  // namespace

class Signer::Listening final : public Hearing {
 public:
  Listening(const Signer& signer, const Case& of) : signer_(signer), of_(of) {}

  bool hears_envelope() const override { return false; }

  Task<void> header(std::string_view block) override {
    ring_ = signer_.keeper_.ring();
    const std::shared_ptr<const Directory> directory = signer_.control_.snapshot();
    if (of_.stranger()) {
      seals_ = is_sent_on(of_.transaction, *directory);
    } else if (of_.listener.role != smtp::Role::mx) {
      choose_authors(block, *directory);
    }
    if (seals_ || !authors_.empty()) hasher_.emplace(tls::kCrypto);
    return Task<void>::ended();
  }

  Task<void> body(std::string_view piece) override {
    if (hasher_) hasher_->update(piece);
    return Task<void>::ended();
  }

  Task<Verdict> message(Draft& draft) override {
    return hasher_ ? sign(draft, *hasher_) : Task<Verdict>::ended();
  }

  void end_transaction() override {
    hasher_.reset();
    authors_.clear();
    seals_ = false;
    ring_.reset();
  }

 private:
  Task<Verdict> sign(Draft& draft, dkim::BodyHasher& hasher) {
    Accept accept;
    const std::string body_hash = hasher.finish();
    hasher_.reset();
    for (const std::string& author : authors_) {
      accept.added_fields += signer_.signatures(header_of(draft), body_hash, ring_->of(author));
    }
    if (seals_ && of_.evidence.findings != nullptr) seal(draft, body_hash);
    co_return accept;
  }

  void choose_authors(std::string_view block, const Directory& directory) {
    for (const std::string& domain : mailauth::author_domains(block, signer_.idn_).domains) {
      const Result<Domain> parsed = Domain::parse(domain);
      if (!parsed || !directory.is_local(*parsed) || !may_sign_for(domain, of_, directory)) {
        continue;
      }
      if (ring_->of(domain).empty()) {
        signer_.note_unsigned(domain);
      } else {
        signer_.note_signed(domain);
        authors_.push_back(domain);
      }
    }
  }

  // By the domain the mail was sent to: that of the delivery's return path where it is ours, else
  // of the recipient as given. RFC 8617 §4.1: ARC signs with what DKIM had then, which is RSA.
  const dkim::SigningKey* sealing_key(const Delivery& delivery) const {
    std::vector<std::string_view> domains{domain_of(delivery.reverse_path)};
    for (const smtp::TakenRecipient& recipient : of_.transaction.recipients) {
      domains.push_back(recipient.domain.text());
    }
    for (const std::string_view domain : domains) {
      for (const dkim::SigningKey& key : ring_->of(domain)) {
        if (key.key->kind() == crypto::KeyKind::rsa) return &key;
      }
    }
    return nullptr;
  }

  void seal(Draft& draft, std::string_view body_hash) const {
    const mailauth::Findings& findings = *of_.evidence.findings;
    if (!findings.arc.may_be_sealed) return;
    const std::string results = results_of(findings, of_);
    for (Delivery& delivery : draft.deliveries) {
      if (!leaves(delivery)) continue;
      const dkim::SigningKey* key = sealing_key(delivery);
      if (key == nullptr) continue;
      const Result<std::string> sealed =
          arc::seal(header_of(draft), body_hash, findings.arc, results, *key,
                    signer_.clock_.wall_now(), tls::kCrypto);
      if (sealed) {
        delivery.added_fields.insert(0, *sealed);
      } else {
        log::warning("signing.not_sealed",
                     {{"id", draft.id.to_string()}, {"why", describe(sealed.error())}});
      }
    }
  }

  const Signer& signer_;
  const Case& of_;
  std::shared_ptr<const KeyRing> ring_;  // of the moment the header came
  std::optional<dkim::BodyHasher> hasher_;
  std::vector<std::string> authors_;
  bool seals_ = false;
};

Signer::Signer(const KeyKeeper& keeper, ControlStore& control, const Clock& clock, const Idn* idn)
    : keeper_(keeper), control_(control), clock_(clock), idn_(idn) {}

std::unique_ptr<Hearing> Signer::open(const Case& of) {
  return std::make_unique<Listening>(*this, of);
}

std::string Signer::signatures(std::string_view header, std::string_view body_hash,
                               const std::vector<dkim::SigningKey>& keys) const {
  std::string fields;
  for (const dkim::SigningKey& key : keys) {
    const Result<std::string> field =
        dkim::sign(header, body_hash, key, clock_.wall_now(), tls::kCrypto);
    if (field) {
      fields += *field;
    } else {
      log::error(
          "signing.failed",
          {{"domain", key.domain}, {"selector", key.selector}, {"why", describe(field.error())}});
    }
  }
  return fields;
}

void Signer::sign(Draft& draft) const {
  const mailauth::AuthorDomains authors = mailauth::author_domains(header_of(draft), idn_);
  if (authors.domains.empty()) return;
  const std::shared_ptr<const KeyRing> ring = keeper_.ring();
  // Notices are from our host, which lies below a domain of ours; DMARC takes that for aligned
  // (RFC 7489 §3.1.1, relaxed).
  const std::vector<dkim::SigningKey>& keys = ring->nearest(authors.domains.front());
  if (keys.empty()) {
    return note_unsigned(hosted_above(authors.domains.front(), *control_.snapshot()));
  }
  dkim::BodyHasher hasher(tls::kCrypto);
  hasher.update(std::string_view(draft.content).substr(draft.header_size));
  const std::string fields = signatures(header_of(draft), hasher.finish(), keys);
  draft.content.insert(0, fields);
  draft.header_size += static_cast<std::uint32_t>(fields.size());
  draft.size += fields.size();
}

void Signer::note_unsigned(const std::string& domain) const {
  {
    const std::lock_guard lock(mutex_);
    if (!unsigned_.insert(domain).second) return;
  }
  log::warning("signing.unsigned",
               {{"domain", domain},
                {"why", "no signing key of it is known to be in the DNS"},
                {"do", concat("mailwright domain dns ", domain, " says what to publish")}});
}

void Signer::note_signed(const std::string& domain) const {
  const std::lock_guard lock(mutex_);
  if (!unsigned_.empty()) unsigned_.erase(domain);
}

}  // namespace mail::signing
