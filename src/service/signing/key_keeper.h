// Keeps the signing keys of all hosted domains: makes them, watches the DNS show them, brings them
// into use and out of it (rotation.h). The control store has them, sealed.
// Threads: ring(), keys_of() and what changes keys from any; the latter block (SQLite, and
// a new RSA key takes up to a second). tick() and look() on one thread each that serves an
// executor; what blocks in tick() is done on a thread of the keeper's own.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "base/task.h"
#include "platform/tls/secret_box.h"
#include "service/directory/control_store.h"
#include "service/signing/key_ring.h"
#include "service/signing/rotation.h"

namespace mail::signing {

struct KeeperSettings {
  RotationRules rotation;
  std::chrono::seconds check_every{600};
  int rsa_bits = 2048;  // RFC 8301 §3.2
};

class KeyKeeper {
 public:
  // All references outlive it.
  static Result<std::unique_ptr<KeyKeeper>> open(ControlStore& control,
                                                 std::unique_ptr<tls::SecretBox> box,
                                                 dns::Resolver& resolver, const Clock& clock,
                                                 const KeeperSettings& settings);
  void reload(const KeeperSettings& settings);

  std::shared_ptr<const KeyRing> ring() const;
  std::vector<DkimKeyRow> keys_of(std::string_view domain) const;  // oldest first

  // ControlStore::add_domain(), with keys of both kinds, pending: all of it or nothing.
  Result<void> add_domain(const Domain& domain, const std::string& owner);
  // New keys of both kinds, pending, for a domain here. Pending ones are not doubled: they are
  // told as they are.
  Result<std::vector<DkimKeyRow>> make(const std::string& domain);
  // Used from now on, whatever the DNS shows. not_found: no such key, or it is revoked.
  Result<void> force(const std::string& domain, const std::string& selector);
  // Reads the store again, after a domain has gone.
  Result<void> refresh();

  // Asks the DNS for the keys of a domain, and lets follow from it what must.
  Task<std::vector<SeenKey>> look(std::string domain, MonoTime deadline);
  Result<void> settle(const std::vector<SeenKey>& seen);

  // About once a second, never twice at once: makes keys for some of the domains that have none,
  // and looks at all of them from time to time, for the first time a minute after the start.
  Task<void> tick();

 private:
  KeyKeeper(ControlStore& control, std::unique_ptr<tls::SecretBox> box, dns::Resolver& resolver,
            const Clock& clock, const KeeperSettings& settings);
  Task<void> look_at_all();
  Task<void> look_and_settle(std::string domain);
  Result<void> make_missing();
  Result<std::vector<DkimKeyRow>> make_locked(const std::string& domain);
  Result<void> keep_locked(const std::vector<DkimKeyRow>& made);
  Result<std::vector<DkimKeyRow>> new_keys(const std::string& domain) const;
  Result<DkimKeyRow> new_key(const std::string& domain, crypto::KeyKind kind) const;
  Result<void> refresh_locked();
  KeeperSettings settings() const;

  ControlStore& control_;
  const std::unique_ptr<tls::SecretBox> box_;
  dns::Resolver& resolver_;
  const Clock& clock_;
  std::mutex write_mutex_;  // held by what changes keys
  mutable std::mutex mutex_;
  KeeperSettings settings_;       // guarded by mutex_, as the next two
  std::vector<DkimKeyRow> rows_;  // as the store has them, by domain
  std::shared_ptr<const KeyRing> ring_;
  std::optional<MonoTime> next_look_;          // tick()'s, as the next two
  MonoTime next_make_{};                       //
  std::shared_ptr<const Directory> complete_;  // each domain of it has keys; pool_'s
  WorkerPool pool_;                            // last: what it runs uses the others
};

}  // namespace mail::signing
