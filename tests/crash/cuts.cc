// Power cuts in process: worlds of some lives each; every life ends with a cut, at any operation on
// a file, also while the store is opening or after it was closed in order.
#include <iostream>

#include "base/text.h"
#include "programs.h"
#include "world.h"

namespace mail::crash {
namespace {

constexpr std::size_t kLives = 25;  // of a world: more would only make the comparison slow

struct Sums {
  std::size_t cuts = 0;
  std::size_t while_opening = 0;
  std::size_t acknowledged = 0;
  std::size_t operations = 0;
};

std::uint64_t some(Dice& dice, std::uint64_t bound) { return 1 + dice() % bound; }

// One life, until the power is gone. False: something was found.
bool live(Disk& disk, World& world, Dice& dice, Sums& sums, bool first) {
  disk.arm({.at = dice() % 4 == 0 ? some(dice, 200) : 0});
  // Alone at first, half of the time: SQLite syncs the directory that both are in.
  const bool opened = world.open(!first || dice() % 2 == 0);
  disk.disarm();
  if (!disk.powered()) {
    ++sums.while_opening;
    return true;
  }
  if (!opened) {
    std::cout << "the stores do not open by themselves: " << world.why() << '\n';
    return false;
  }
  world.verify();
  if (!world.findings().empty()) return false;
  const bool orderly = dice() % 6 == 0;
  disk.arm({.at = orderly ? 0 : some(dice, 400)});
  world.work(orderly ? some(dice, 12) : 100'000, [] { return false; });
  sums.operations += disk.operations();
  world.close();
  return world.findings().empty();
}

bool world_of(std::uint64_t seed, std::size_t cuts, Sums& sums) {
  const Folder folder;
  Disk disk(folder.path());
  Dice dice(seed);
  World world(disk, dice());
  if (dice() % 3 == 0) world.single();
  for (std::size_t cut = 0; cut < cuts; ++cut) {
    const bool well = live(disk, world, dice, sums, cut == 0);
    world.close();
    if (!well) {
      for (const std::string& finding : world.findings()) std::cout << finding << '\n';
      std::cout << "seed " << seed << ", life " << cut << ": MAIL_SEED=" << seed
                << " repeats the choices of this world\n";
      return false;
    }
    disk.restart(dice);
    world.jump_clock();
    ++sums.cuts;
  }
  sums.acknowledged += world.acknowledged();
  return true;
}

}  // namespace

int cut_power(std::size_t cuts, std::optional<std::uint64_t> one, std::uint64_t first) {
  Sums sums;
  bool well = true;
  if (one) {
    well = world_of(*one, kLives, sums);
  } else {
    std::cout << "seeds from " << first << '\n';
    for (std::uint64_t seed = first; well && sums.cuts < cuts; ++seed) {
      well = world_of(seed, std::min(kLives, cuts - sums.cuts), sums);
    }
  }
  std::cout << sums.cuts << " cuts (" << sums.while_opening << " while opening), "
            << sums.acknowledged << " acknowledged, " << (well ? "nothing lost" : "FAILED") << '\n';
  return well ? 0 : 1;
}

}  // namespace mail::crash
