// tests/config/bad/NN-name/: a configuration that is wrong in one way, and every word that is said
// about it. @DIR@ stands for a folder with cert.pem and key.pem.
// To write the expected texts anew: MAIL_UPDATE_EXPECTED=1, then read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "daemon/settings/commands.h"
#include "daemon/settings/test_folder.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = fs::path(MAIL_SOURCE_DIR) / "tests/config/bad";

std::vector<std::string> cases() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    found.push_back(entry.path().filename().string());
  }
  std::ranges::sort(found);
  return found;
}

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsRefusedInTheExpectedWords) {
  const TestFolder folder;
  const std::string text = read_whole(kRoot / GetParam() / "mailwright.toml");
  write_whole(folder / "mailwright.toml", replaced(text, "@DIR@", folder.text()));

  const CommandText answer = config_check((folder / "mailwright.toml").string());
  EXPECT_EQ(answer.exit_status, 78);
  std::string said = replaced(answer.text, folder.text() + "/mailwright.toml", "mailwright.toml");
  said = replaced(said, folder.text(), "@DIR@");

  const fs::path expected = kRoot / GetParam() / "expected";
  if (std::getenv("MAIL_UPDATE_EXPECTED") != nullptr) write_whole(expected, said);
  EXPECT_EQ(said, read_whole(expected));
}

// What makes a complaint useful: the place, and what to do.
TEST_P(BadConfig, NamesPlaceAndRemedy) {
  const std::string said = read_whole(kRoot / GetParam() / "expected");
  EXPECT_TRUE(said.starts_with("mailwright.toml:"));
  EXPECT_NE(said.find("\n  remedy: "), std::string::npos);
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, BadConfig, testing::ValuesIn(cases()), name_of);

TEST(BadConfigs, AreMany) { EXPECT_GE(cases().size(), 98u); }

}  // namespace
}  // namespace mail
