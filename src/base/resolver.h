// Questions to the DNS as an argument: platform/resolver asks the world, tests answer from a table.
// Answers are raw; codec/dns reads the RDATA. Names are absolute, in ASCII (A-labels), with or
// without the final dot.
// Threads: ask() from any thread that serves an executor; the task resumes there. An answer may be
// older than the question by at most its TTL.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"

namespace mail::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  tlsa = 52,
};

struct Answer {
  enum class Kind : std::uint8_t {
    found,    // `records` is not empty
    no_data,  // the name exists, without this type
    no_name,  // NXDOMAIN
    failed,   // SERVFAIL, bogus, timeout, no server: nothing is known (security.md 33)
  };
  Kind kind = Kind::failed;
  bool secure = false;               // validated by DNSSEC, also the proof that nothing is there
  bool bogus = false;                // failed, because validation failed
  std::string canonical_name;        // behind CNAMEs, no final dot; the name asked without them
  std::vector<std::string> records;  // RDATA, names in it uncompressed
  std::chrono::seconds ttl{0};
  std::string why;  // failed: a sentence
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  // Never later than `deadline` (+ 1 s); what is not known by then is `failed`.
  virtual Task<Answer> ask(std::string name, Type type, MonoTime deadline) = 0;
};

}  // namespace mail::dns
