// What a domain should publish in the DNS, what the DNS shows now, and what is to be done about the
// difference. Asks and judges; prints nothing, changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/address/ip_address.h"
#include "service/signing/rotation.h"

namespace mail::ctl {

enum class RecordVerdict : std::uint8_t {
  ok,
  missing,   // mail suffers until it is published
  wrong,     // something else is there
  optional,  // not there, and nothing suffers
  obsolete,  // there, and should go
  unknown,   // the DNS did not answer
};
std::string_view to_string(RecordVerdict verdict);

struct RecordRow {
  std::string what;     // "MX", "SPF", "DKIM", "PTR"
  std::string name;     // "yahoo.test"
  std::string type;     // "TXT"
  std::string publish;  // RDATA as people write it, TXT without quotes; "": not ours to say
  std::vector<std::string> now;  // likewise
  RecordVerdict verdict = RecordVerdict::unknown;
  std::string remedy;  // a sentence or two; empty where there is nothing to do
};

// A port that people's programs send mail through.
struct SubmissionPort {
  std::uint16_t port = 0;
  bool implicit_tls = false;
  bool operator==(const SubmissionPort&) const = default;
};

struct SurveyWorld {
  dns::Resolver& resolver;
  std::string hostname;                // of this server, lower case
  std::vector<std::string> own_names;  // all that may stand in an MX record
  std::vector<SubmissionPort> submission;
  WallTime now;
  MonoTime deadline;
};

// `keys` are those of the domain as they were just seen. `world` outlives the task.
Task<std::vector<RecordRow>> survey(const SurveyWorld& world, std::string domain,
                                    std::vector<signing::SeenKey> keys);

// Records to be published as a master file (RFC 1035 §5.1); what asks for more than a record, or is
// somebody else's to publish, as comments.
std::string zone_text(std::string_view domain, const std::vector<RecordRow>& rows);

}  // namespace mail::ctl
