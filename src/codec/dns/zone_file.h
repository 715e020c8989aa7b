// Zones in master format (RFC 1035 §5.1) and answers from them: for commands that are to judge
// without the network.
//
// $ORIGIN, $TTL (RFC 2308 §4), "@", blank owners, parentheses, comments, quoted strings, "\DDD",
// wildcards (RFC 4592). Class IN; A, AAAA, MX, TXT, PTR, NS, SOA, CNAME, SRV, TLSA, and any TYPE123
// as RFC 3597 §5 writes it. Of types that nobody here asks for only the names are kept. A file may
// hold names of many zones: together they are all there is.
// Pure; a zone does not change, any thread may look things up.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/resolver.h"
#include "base/result.h"

namespace mail::dns {

class Zone {
 public:
  // Names without a final dot, before any $ORIGIN, are relative to the root. Fails with bad_syntax;
  // the detail begins with the line: "line 7: ...".
  static Result<Zone> parse(std::string_view text);

  // CNAMEs are followed as far as they stay in here; a loop of them is `failed`. A name that is not
  // here, nor above one that is, has no_name.
  Answer look_up(std::string_view name, Type type) const;
  std::size_t size() const { return records_; }

 private:
  friend class ZoneReader;
  struct Records {
    std::chrono::seconds ttl{0};
    std::vector<std::string> rdata;
  };
  using Node = std::map<Type, Records>;  // empty where there are only names below

  void add(const std::string& name, Type type, std::chrono::seconds ttl, std::string rdata);
  void add_node(std::string_view name);
  const Node* find(std::string_view name) const;

  std::map<std::string, Node, std::less<>> nodes_;  // by normalize_name()
  std::size_t records_ = 0;
};

class ZoneResolver final : public Resolver {
 public:
  explicit ZoneResolver(Zone zone) : zone_(std::move(zone)) {}
  Task<Answer> ask(std::string name, Type type, MonoTime) override {
    co_return zone_.look_up(name, type);
  }

 private:
  const Zone zone_;
};

}  // namespace mail::dns
