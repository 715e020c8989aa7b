#include "platform/resolver/context.h"

#include <arpa/inet.h>
#include <unbound.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/text.h"

namespace mail::dns {
namespace {

constexpr const char* kDebianAnchor = "/usr/share/dns/root.key";  // dns-root-data
// The root's keys of 2017 and 2024 (https://data.iana.org/root-anchors/root-anchors.xml).
constexpr std::array kIanaAnchors{
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"};

struct Option {
  const char* name;
  const char* value;
};
constexpr auto kOptions = std::to_array<Option>({
    {"use-syslog:", "no"},
    {"serve-expired:", "no"},  // mail can wait for the truth
    // A private root, or a forwarder of one's own, may well be on this host.
    {"do-not-query-localhost:", "no"},
    // The library's defaults (16 sockets, 1 MiB) are for programs that ask now and then.
    {"outgoing-range:", "512"},
    {"outgoing-num-tcp:", "32"},
    {"num-queries-per-thread:", "4096"},
    {"msg-cache-size:", "8m"},
    {"rrset-cache-size:", "16m"},
    {"key-cache-size:", "4m"},
    {"infra-cache-numhosts:", "20000"},
    // A server that is down is tried for some ten seconds, then asked by one question at a time
    // until it is back. The defaults (two minutes, fifteen minutes) would keep mail waiting long
    // after that.
    {"infra-cache-max-rtt:", "5000"},
    {"infra-host-ttl:", "60"},
    {"infra-keep-probing:", "yes"},
    {"val-bogus-ttl:", "10"},            // who mends a signature need not wait for our cache
    {"cache-max-negative-ttl:", "300"},  // nor who publishes what was missing
    {"trust-anchor-signaling:", "no"},
});

// libunbound's words for what is wrong; they go to a stream of the process.
class LogCapture {
 public:
  explicit LogCapture(ub_ctx* context)
      : context_(context), stream_(::open_memstream(&text_, &size_)) {
    ::ub_ctx_debugout(context_, stream_);
  }
  ~LogCapture() {
    ::ub_ctx_debugout(context_, nullptr);  // from now on it is silent: failures are in the answers
    if (stream_ != nullptr) std::fclose(stream_);
    std::free(text_);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // "[1669] libunbound[12:0] error: parse error in x:1:2 : why" -> "parse error in x:1:2 : why"
  std::string first_error() {
    if (stream_ == nullptr) return {};
    std::fflush(stream_);
    constexpr std::string_view kMark = " error: ";
    for (const std::string_view line : split(std::string_view(text_, size_), '\n')) {
      if (const std::size_t at = line.find(kMark); at != std::string_view::npos) {
        return std::string(line.substr(at + kMark.size()));
      }
    }
    return {};
  }

 private:
  ub_ctx* context_;
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

Result<void> check(int status, std::string_view what) {
  if (status == UB_NOERROR) return {};
  return fail(Errc::invalid_argument, concat(what, ": ", ::ub_strerror(status)));
}

Result<void> set_option(ub_ctx* context, const char* name, const char* value) {
  return check(::ub_ctx_set_option(context, name, value), concat("libunbound: ", name, ' ', value));
}

bool is_address(const std::string& text) {
  std::array<std::uint8_t, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// "127.0.0.1:5353" as libunbound writes it: "127.0.0.1@5353".
std::optional<std::string> forwarder_of(std::string_view text) {
  std::string_view address = text;
  std::optional<std::uint64_t> port = 53;
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    address = text.substr(1, bracket - 1);
    const std::string_view rest = text.substr(bracket + 1);
    if (!rest.empty()) port = rest[0] == ':' ? parse_number(rest.substr(1)) : std::nullopt;
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    address = text.substr(0, colon);
    port = parse_number(text.substr(colon + 1));
  }
  if (!is_address(std::string(address)) || !port || *port == 0 || *port > 65535)
    return std::nullopt;
  return concat(address, '@', *port);
}

Result<void> set_servers(ub_ctx* context, const std::vector<std::string>& servers) {
  for (const std::string& server : servers) {
    if (server == "system") {
      if (servers.size() != 1) {
        return fail(Errc::invalid_argument, "[dns] servers: \"system\" stands alone");
      }
      MAIL_TRY(check(::ub_ctx_resolvconf(context, nullptr), "[dns] servers: /etc/resolv.conf"));
      continue;
    }
    const std::optional<std::string> forwarder = forwarder_of(server);
    if (!forwarder) {
      return fail(Errc::invalid_argument,
                  concat("[dns] servers: \"", server,
                         "\" is no address; write \"192.0.2.53\", \"127.0.0.1:5353\", "
                         "\"[2001:db8::53]:53\" or \"system\""));
    }
    MAIL_TRY(check(::ub_ctx_set_fwd(context, forwarder->c_str()), "[dns] servers"));
  }
  return {};
}

Result<void> check_readable(std::string_view option, const std::string& path) {
  if (::access(path.c_str(), R_OK) == 0 && std::ifstream(path).peek() != EOF) return {};
  const std::string why = errno == 0 ? "it is empty" : std::generic_category().message(errno);
  return fail(Errc::io_error, concat("[dns] ", option, ": cannot read ", path, ": ", why));
}

// "owner [ttl] [class] TYPE rdata": the address that this line of root hints gives, or why it is
// bad.
enum class HintLine : std::uint8_t { nothing, address, bad };
HintLine read_hint(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : concat(line.substr(0, line.find(';')), ' ')) {
    if (c != ' ' && c != '\t' && c != '\r') {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (words.empty() || words[0].starts_with('$')) return HintLine::nothing;
  if (words.size() < 3) return HintLine::bad;
  const std::string& type = words[words.size() - 2];
  if (iequals(type, "NS")) return HintLine::nothing;
  const bool address = iequals(type, "A") || iequals(type, "AAAA");
  return address && is_address(words.back()) ? HintLine::address : HintLine::bad;
}

// libunbound reads hints when the first question is asked, and says nothing about bad ones.
Result<void> set_root_hints(ub_ctx* context, const std::string& path) {
  errno = 0;
  MAIL_TRY(check_readable("root_hints", path));
  std::ifstream file(path);
  std::string line;
  int addresses = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    const HintLine kind = read_hint(line);
    if (kind == HintLine::address) ++addresses;
    if (kind != HintLine::bad) continue;
    return fail(Errc::invalid_argument,
                concat("[dns] root_hints: ", path, ", line ", number,
                       " is no NS, A or AAAA record; the file has lines such as "
                       "\". NS a.root.test.\" and \"a.root.test. A 192.0.2.1\""));
  }
  if (addresses == 0) {
    return fail(Errc::invalid_argument,
                concat("[dns] root_hints: ", path, " has no A or AAAA record of a root server"));
  }
  return set_option(context, "root-hints:", path.c_str());
}

Result<void> set_trust_anchor(ub_ctx* context, const UnboundOptions& options) {
  if (!options.trust_anchor.empty()) {
    errno = 0;
    MAIL_TRY(check_readable("trust_anchor", options.trust_anchor));
    return check(::ub_ctx_add_ta_file(context, options.trust_anchor.c_str()), "[dns] trust_anchor");
  }
  if (!options.root_hints.empty()) return {};
  if (!options.servers.empty()) {
    MAIL_TRY(set_option(context, "harden-dnssec-stripped:", "no"));
  }
  if (::access(kDebianAnchor, R_OK) == 0) {
    return check(::ub_ctx_add_ta_file(context, kDebianAnchor), kDebianAnchor);
  }
  for (const char* const anchor : kIanaAnchors) {
    MAIL_TRY(check(::ub_ctx_add_ta(context, anchor), "the built-in trust anchor"));
  }
  return {};
}

}  // namespace

void DeleteContext::operator()(ub_ctx* context) const { ::ub_ctx_delete(context); }

Result<Context> open_context(const UnboundOptions& options) {
  Context context(::ub_ctx_create());
  if (!context) return fail(Errc::io_error, "libunbound: no memory or no descriptors");
  LogCapture log(context.get());
  for (const Option& option : kOptions) {
    MAIL_TRY(set_option(context.get(), option.name, option.value));
  }
  MAIL_TRY(set_servers(context.get(), options.servers));
  if (!options.root_hints.empty()) MAIL_TRY(set_root_hints(context.get(), options.root_hints));
  MAIL_TRY(set_trust_anchor(context.get(), options));
  if (!options.servers.empty() || !options.root_hints.empty()) {
    // Who answers may know the private networks; the internet's servers do not (RFC 6303).
    MAIL_TRY(set_option(context.get(), "unblock-lan-zones:", "yes"));
    if (options.trust_anchor.empty()) {
      MAIL_TRY(set_option(context.get(), "insecure-lan-zones:", "yes"));
    }
  }
  MAIL_TRY(check(::ub_ctx_async(context.get(), 1), "libunbound"));
  // Answered by the library itself unless taken out (RFC 6761); private roots have them. The first
  // of these calls reads the configuration: what is wrong with it shows here.
  for (const char* const zone : {"test.", "invalid."}) {
    if (::ub_ctx_zone_remove(context.get(), zone) == UB_NOERROR) continue;
    const std::string why = log.first_error();
    return fail(
        Errc::invalid_argument,
        concat("[dns] ",
               options.trust_anchor.empty() ? "libunbound does not start"
                                            : concat("trust_anchor: ", options.trust_anchor,
                                                     " has no DS or DNSKEY records of a zone file"),
               why.empty() ? "" : ": ", why));
  }
  return context;
}

}  // namespace mail::dns
