// The Nth operation on a file fails, once or from then on, in a scenario that begins with an empty
// disk: mail is accepted, delivered, deferred and told of; the fault ends; the store has to accept
// again within ten seconds and, after a restart or a power cut, to hold what it promised.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <thread>

#include "base/text.h"
#include "programs.h"
#include "world.h"

namespace mail::crash {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kSoon{10};
constexpr std::size_t kSteps = 25;  // of each worker: some 30 accepted, 10 delivered, 10 deferred

struct Kind {
  std::string_view name;
  Fault::What what;
  int error;
};
constexpr std::array<Kind, 5> kKinds{{{"EIO", Fault::What::fail, EIO},
                                      {"ENOSPC", Fault::What::fail, ENOSPC},
                                      {"EMFILE", Fault::What::fail, EMFILE},
                                      {"short write", Fault::What::short_write, 0},
                                      {"torn write", Fault::What::torn_write, EIO}}};

struct Sums {
  std::size_t faults = 0;
  std::size_t unstruck = 0;  // the scenario ended before its Nth operation
  std::size_t acknowledged = 0;
  std::size_t refused = 0;
  steady_clock::duration longest{};
};

bool until_accepted(World& world, Sums& sums) {
  const auto begin = steady_clock::now();
  while (!world.commit_one()) {
    if (steady_clock::now() - begin > kSoon) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  sums.longest = std::max(sums.longest, steady_clock::now() - begin);
  return true;
}

// The stores are opened with the fault about; where that fails, again once it has passed.
std::string open(Disk& disk, World& world) {
  if (world.open()) return "";
  if (!disk.struck()) return concat("the stores do not open: ", world.why());
  world.close();
  disk.disarm();
  if (world.open()) return "";
  return concat("the stores do not open after the fault: ", world.why());
}

std::string run_one(const Fault& fault, std::uint64_t seed, Sums& sums) {
  const Folder folder;
  Disk disk(folder.path());
  Dice dice(seed);
  World world(disk, dice());
  world.expect_errors();
  if (seed % 4 == 0) world.little_space();
  const bool in_recovery = dice() % 3 == 0;  // of a life that ended with a cut
  if (in_recovery) {
    if (!world.open()) return world.why();
    world.work(kSteps, [] { return false; });
    world.close();
    disk.restart(dice);
  }
  disk.arm(fault);
  std::string trouble = open(disk, world);
  if (!trouble.empty()) return trouble;
  world.work(kSteps, [] { return false; });
  const bool struck = disk.struck();
  const std::string where = disk.where();
  disk.disarm();
  if (!until_accepted(world, sums)) return concat("not accepting 10 s after the fault of ", where);
  world.close();
  if (dice() % 2 == 0) disk.restart(dice);  // what a failed sync left in the cache is gone now
  if (!world.open()) return concat("the stores do not open again: ", world.why(), " after ", where);
  world.verify();
  world.work(4, [] { return false; });
  world.close();
  if (!world.open()) return concat("the stores do not open a third time: ", world.why());
  world.verify();
  world.close();
  ++sums.faults;
  if (!struck) ++sums.unstruck;
  sums.acknowledged += world.acknowledged();
  sums.refused += world.refused();
  for (const std::string& finding : world.findings()) append(trouble, finding, "\n");
  if (!trouble.empty()) append(trouble, "the fault hit: ", where);
  return trouble;
}

std::uint64_t length_of_scenario() {
  const Folder folder;
  Disk disk(folder.path());
  World world(disk, 1);
  disk.arm({});
  if (!world.open()) return 0;
  world.work(kSteps, [] { return false; });
  return disk.operations();
}

bool report(const Kind& kind, const Fault& fault, std::uint64_t seed, const std::string& trouble) {
  if (trouble.empty()) return true;
  std::cout << trouble << "\nrepeat it: mail_crash fault '" << kind.name << "' " << fault.at
            << (fault.for_ever ? " ever " : " once ") << seed << '\n';
  return false;
}

}  // namespace

int fail_operations(std::size_t count, std::uint64_t first, std::size_t part, std::size_t parts) {
  const std::uint64_t length = length_of_scenario();
  Sums sums;
  bool well = length > 0;
  const bool every = count == 0;  // every N with every kind, once and for ever
  const std::uint64_t all = length * kKinds.size() * 2;
  const auto wanted = [&](std::uint64_t i) {
    return every ? i < all : (sums.faults - sums.unstruck) * parts < count;
  };
  for (std::uint64_t i = part; well && wanted(i); i += parts) {
    const std::uint64_t seed = first + i;
    Dice dice(seed);
    const std::uint64_t choice = every ? i : dice();
    const Kind& kind = kKinds[choice % kKinds.size()];
    const std::uint64_t rest = choice / kKinds.size();
    const Fault fault{.what = kind.what,
                      .error = kind.error,
                      .at = 1 + rest / 2 % length,
                      .for_ever = rest % 2 == 0};
    well = report(kind, fault, seed, run_one(fault, seed, sums));
  }
  std::cout << sums.faults - sums.unstruck << " faults in scenarios of " << length
            << " operations (" << sums.unstruck << " more ended before), " << sums.acknowledged
            << " acknowledged, " << sums.refused << " refused, accepting again after at most "
            << std::chrono::duration_cast<std::chrono::milliseconds>(sums.longest).count()
            << " ms, " << (well ? "nothing lost" : "FAILED") << '\n';
  return well ? 0 : 1;
}

int fail_one(std::string_view name, std::uint64_t at, bool for_ever, std::uint64_t seed) {
  const auto kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == kKinds.end()) return 64;
  const Fault fault{.what = kind->what, .error = kind->error, .at = at, .for_ever = for_ever};
  Sums sums;
  return report(*kind, fault, seed, run_one(fault, seed, sums)) ? 0 : 1;
}

}  // namespace mail::crash
