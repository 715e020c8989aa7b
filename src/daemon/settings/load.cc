#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/text.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/section_reader.h"

namespace mail {
namespace {

// [name], at most once. Without it all defaults hold; `optional` ones keep no values at all.
template <typename T>
void read_single(const toml::Table& root, const Section<T>& section, bool optional,
                 SectionDraft<T>& draft, Findings& findings) {
  const toml::Entry* entry = root.find(section.name);
  if (entry != nullptr) {
    draft.where = entry->where;
    draft.table = entry->value.table();
    if (draft.table == nullptr) {
      const bool list = entry->value.array() != nullptr;
      findings.add(entry->where, std::string(section.name),
                   {list ? "is a section that stands once, not a list"
                         : concat("is a section, not ", toml::kind_of(entry->value)),
                    concat("[", section.name, "]"), "write it as a section"});
      for (const Setting<T>& row : section.rows) draft.refused.insert(row.name);
      return;
    }
  }
  if (entry == nullptr && optional) return;
  read_section(section, draft, findings);
}

void read_listeners(const toml::Table& root, ConfigDraft& draft, Findings& findings) {
  const toml::Entry* entry = root.find(kListenerSection.name);
  if (entry == nullptr) {
    return findings.add(
        {1, 1}, "listener",
        {"is missing: mail would be taken nowhere", "",
         "add a [[listener]] with an address and a role, like \"0.0.0.0:25\" and \"mx\""});
  }
  const toml::Array* array = entry->value.array();
  if (array == nullptr) {
    return findings.add(entry->where, "listener",
                        {concat("is a list of sections, not ", toml::kind_of(entry->value)),
                         "[[listener]]", "double the brackets: there may be several listeners"});
  }
  if (array->empty()) {
    return findings.add(entry->where, "listener",
                        {"is empty: mail would be taken nowhere", "",
                         "add a [[listener]] with an address and a role"});
  }
  for (const toml::Value& value : *array) {
    ListenerDraft listener;
    listener.where = value.where;
    listener.table = value.table();
    if (listener.table == nullptr) {
      findings.add(value.where, "listener",
                   {concat("is a list of sections and holds ", toml::kind_of(value)),
                    "[[listener]]", "write each listener as a section"});
      continue;
    }
    read_section(kListenerSection, listener, findings);
    draft.listeners.push_back(std::move(listener));
  }
}

void read_root(const toml::Table& root, ConfigDraft& draft, Findings& findings) {
  draft.global.table = &root;
  read_section(kGlobalSection, draft.global, findings);
  std::vector<std::string_view> known = section_names();
  std::ranges::copy(names_in(kGlobalSection), std::back_inserter(known));
  for (const toml::Entry& entry : root.entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    findings.add(entry.where, entry.key, unknown_key(entry.key, entry.key, known));
  }
  read_listeners(root, draft, findings);
  read_single(root, kTlsSection, true, draft.tls, findings);
  read_single(root, kRelaySection, false, draft.relay, findings);
  read_single(root, kOutboundSection, false, draft.outbound, findings);
  read_single(root, kSigningSection, false, draft.signing, findings);
  read_single(root, kFeedbackSection, false, draft.feedback, findings);
  read_single(root, kForwardingSection, false, draft.forwarding, findings);
  read_single(root, kDnsSection, false, draft.dns, findings);
  read_milters(root, draft, findings);
  read_single(root, kClamdSection, false, draft.clamd, findings);
  read_single(root, kRspamdSection, false, draft.rspamd, findings);
  read_single(root, kPolicySection, false, draft.policy, findings);
  read_blocklists(root, draft, findings);
  read_single(root, kGreylistSection, false, draft.greylist, findings);
  read_single(root, kLimitSection, false, draft.limits, findings);
  read_single(root, kLogSection, false, draft.log, findings);
  read_routes(root, draft, findings);
}

std::shared_ptr<const Settings> settings_from(ConfigDraft draft) {
  auto settings = std::make_shared<Settings>(std::move(draft.global.values));
  for (ListenerDraft& listener : draft.listeners) {
    if (listener.values.hostname.empty()) listener.values.hostname = settings->hostname;
    settings->listeners.push_back(
        std::make_shared<const smtp::SmtpListener>(std::move(listener.values)));
  }
  settings->tls = std::move(draft.tls.values);
  settings->relay = std::move(draft.relay.values);
  settings->limits = draft.limits.values;
  settings->log = draft.log.values;
  settings->outbound = draft.outbound.values;
  settings->signing = std::move(draft.signing.values);
  settings->feedback = std::move(draft.feedback.values);
  settings->forwarding = std::move(draft.forwarding.values);
  settings->dns = std::move(draft.dns.values);
  for (auto& milter : draft.milters) settings->milters.push_back(std::move(milter.values));
  settings->clamd = std::move(draft.clamd.values);
  settings->rspamd = std::move(draft.rspamd.values);
  settings->policy = std::move(draft.policy.values);
  settings->blocklists = std::move(draft.blocklists);
  settings->greylist = draft.greylist.values;
  settings->routes =
      std::make_shared<const Routes>(std::move(draft.by_recipient), std::move(draft.by_sender));
  settings->route_rows = std::move(draft.route_rows);
  return settings;
}

// What to do about a syntax error, by the words platform/toml has for it.
std::string syntax_remedy(std::string_view sentence) {
  struct Row {
    std::string_view words;
    std::string_view remedy;
  };
  constexpr auto kRows = std::to_array<Row>({
      {"neither", "text, sizes, durations and addresses stand in quotes: \"5m\""},
      {"existing table", "keep one section of this name and move all its keys there"},
      {"redefine", "keep one of the two"},
      {"control character", "end the string with a quote on the line where it begins"},
      {"value is missing", "write a value behind \"=\", or remove the line"},
      {"end of the file", "complete the line: a quote, bracket or brace is missing"},
      {"UTF-8", "save the file as UTF-8"},
      {"1 MiB", "name the configuration file, not another one"},
  });
  for (const Row& row : kRows) {
    if (sentence.contains(row.words)) return std::string(row.remedy);
  }
  return "correct the line: key = \"text\", key = 100, key = true, [section] or [[listener]]";
}

struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

// At most a little more than toml::parse() takes, so that a device cannot fill the memory.
Result<std::string> read_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return fail(Errc::io_error, std::strerror(errno));
  std::string text;
  char block[16'384];
  while (text.size() <= toml::kMaxText) {
    const ssize_t got = ::read(file.number, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::io_error, std::strerror(errno));
    if (got == 0) break;
    text.append(block, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

std::expected<std::shared_ptr<const Settings>, Problems> parse_settings(std::string_view text,
                                                                        const std::string& file) {
  Findings findings(file);
  const auto root = toml::parse(text);
  if (!root) {
    const toml::SyntaxError& error = root.error();
    findings.add(error.where, "", {error.sentence, "", syntax_remedy(error.sentence)});
    return std::unexpected(findings.take());
  }
  ConfigDraft draft;
  read_root(*root, draft, findings);
  check_all(draft, findings);
  if (!findings.empty()) return std::unexpected(findings.take());
  return settings_from(std::move(draft));
}

std::expected<std::shared_ptr<const Settings>, Problems> load_settings(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) {
    return std::unexpected(
        Problems{{path, 0, 0, "", concat("cannot be read: ", text.error().detail), "",
                  "write it (two examples lie in examples/), or name another with --config FILE"}});
  }
  return parse_settings(*text, path);
}

}  // namespace mail
