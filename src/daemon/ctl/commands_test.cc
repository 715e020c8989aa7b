#include "daemon/ctl/commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"

namespace mail::ctl {
namespace {

TEST(Commands, EachIsThereOnceAndHasAHandlerWhereTheDaemonDoesIt) {
  std::set<std::string> names;
  for (const cli::Command& command : commands()) {
    EXPECT_TRUE(names.insert(concat(command.noun, ' ', command.verb)).second) << command.noun;
    const bool served = command.needs == cli::Needs::daemon || command.needs == cli::Needs::store;
    EXPECT_EQ(find_handler(command.noun, command.verb) != nullptr, served)
        << command.noun << ' ' << command.verb;
    EXPECT_TRUE(command.help.ends_with('.')) << command.help;
  }
  EXPECT_EQ(find_handler("no", "such"), nullptr);
}

// MAIL_UPDATE_DOCS=1 writes the page anew.
TEST(Commands, TheirPageInTheDocumentsIsUpToDate) {
  const std::string file = concat(MAIL_SOURCE_DIR, "/docs/commands.md");
  const std::string wanted = cli::markdown(commands());
  if (std::getenv("MAIL_UPDATE_DOCS") != nullptr) std::ofstream(file) << wanted;
  std::stringstream found;
  found << std::ifstream(file).rdbuf();
  EXPECT_EQ(found.str(), wanted) << "run this test with MAIL_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace mail::ctl
