#include "base/text.h"
#include "daemon/settings/settings.h"

namespace mail {

std::string to_string(const Problem& problem) {
  std::string out = problem.file;
  if (problem.line > 0) append(out, ':', problem.line, ':', problem.column);
  append(out, ": ");
  if (!problem.key.empty()) append(out, problem.key, ": ");
  append(out, problem.what, '\n');
  if (!problem.meant.empty()) append(out, "  did you mean ", problem.meant, "?\n");
  if (!problem.remedy.empty()) append(out, "  remedy: ", problem.remedy, '\n');
  return out;
}

std::string to_string(const Problems& problems) {
  std::string out;
  for (const Problem& problem : problems) out += to_string(problem);
  return out;
}

}  // namespace mail
