// Internal to daemon/settings: a configuration while it is read, with what the checks need to point
// at the right line. Views and pointers into the tree, which outlives the draft.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "daemon/settings/settings.h"
#include "daemon/settings/values.h"

namespace mail {

// The problems of one file.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}
  // Kept in the order of the file; those of one place in the order they were found.
  void add(toml::Position where, std::string key, Complaint complaint) {
    const auto behind = std::ranges::upper_bound(problems_, where.line, {}, &Problem::line);
    problems_.insert(behind,
                     {file_, where.line, where.column, std::move(key), std::move(complaint.what),
                      std::move(complaint.meant), std::move(complaint.remedy)});
  }
  Problems take() { return std::move(problems_); }
  bool empty() const { return problems_.empty(); }
  std::size_t size() const { return problems_.size(); }

 private:
  std::string file_;
  Problems problems_;
};

// One section of the file with the values read from it. Checks speak about keys that were fine so
// far: one mistake makes one problem.
template <typename T>
struct SectionDraft {
  T values;
  const toml::Table* table = nullptr;  // null: the section is not in the file
  toml::Position where{1, 1};          // of its header
  std::set<std::string_view> refused;  // keys already complained about

  bool fine(std::string_view key) const { return !refused.contains(key); }
  bool written(std::string_view key) const {
    return table != nullptr && table->find(key) != nullptr;
  }
  // Of the value when it is written; else of the header.
  toml::Position place(std::string_view key) const {
    const toml::Entry* entry = table == nullptr ? nullptr : table->find(key);
    return entry == nullptr ? where : entry->where;
  }
};
using ListenerDraft = SectionDraft<smtp::SmtpListener>;

struct ConfigDraft {
  SectionDraft<Settings> global;
  std::vector<ListenerDraft> listeners;
  SectionDraft<TlsFiles> tls;
  SectionDraft<RelaySettings> relay;
  SectionDraft<LimitSettings> limits;
  SectionDraft<LogSettings> log;
  SectionDraft<OutboundSettings> outbound;
  SectionDraft<SigningSettings> signing;
  SectionDraft<FeedbackSettings> feedback;
  SectionDraft<ForwardingSettings> forwarding;
  SectionDraft<DnsSettings> dns;
  std::vector<SectionDraft<NeighbourRow>> milters;
  SectionDraft<NeighbourRow> clamd;
  SectionDraft<NeighbourRow> rspamd;
  SectionDraft<PolicySettings> policy;
  std::vector<BlocklistRow> blocklists;
  SectionDraft<GreylistSettings> greylist;
  std::map<std::string, std::shared_ptr<const Route>> by_recipient;
  std::map<std::string, std::shared_ptr<const Route>> by_sender;
  toml::Table route_rows;
};

// [routes], whose keys are domains, and [routes.from] in it.
void read_routes(const toml::Table& root, ConfigDraft& draft, Findings& findings);

// [[blocklist]], any number of them.
void read_blocklists(const toml::Table& root, ConfigDraft& draft, Findings& findings);
// Whether the domains and scores of [policy] make sense.
void check_policy(ConfigDraft& draft, Findings& findings);

// What rows cannot say: whether the values make sense together and outside (files, addresses).
void check_all(ConfigDraft& draft, Findings& findings);

// Whether the files of [signing] and [forwarding] can be used.
void check_signing(const ConfigDraft& draft, Findings& findings);
void check_feedback(const ConfigDraft& draft, Findings& findings);

// [[milter]], any number of them.
void read_milters(const toml::Table& root, ConfigDraft& draft, Findings& findings);
// Whether [[milter]], [clamd] and [rspamd] make sense.
void check_neighbours(const ConfigDraft& draft, Findings& findings);

// Whether TLS certificate and key can be used as files. `needed`: a listener uses them.
void check_tls_files(const SectionDraft<TlsFiles>& tls, bool needed, Findings& findings);

}  // namespace mail
