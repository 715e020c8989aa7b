#include "service/directory/account_table.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

AccountRow row_of(std::uint64_t number) {
  AccountRow row;
  row.id = AccountId{2 * number};  // with gaps, as accounts that were removed leave them
  row.address = concat("user", number, "@yahoo.test");
  return row;
}

void expect_holds(const AccountTable& table, std::uint64_t count) {
  ASSERT_EQ(table.size(), count);
  std::uint64_t number = 0;
  for (const AccountRow& row : table) {
    ++number;
    EXPECT_EQ(row.address, row_of(number).address);
    EXPECT_EQ(table.find(row.address), &row);
    EXPECT_EQ(table.find(row.id), &row);
    EXPECT_EQ(&table[number - 1], &row);
  }
  EXPECT_EQ(number, count);
  EXPECT_EQ(table.find("nobody@yahoo.test"), nullptr);
  EXPECT_EQ(table.find(AccountId{3}), nullptr);
  EXPECT_EQ(table.find(AccountId{2 * count + 2}), nullptr);
}

TEST(AccountTable, IsTheSameMadeAtOnceOrOneByOne) {
  AccountTable grown;
  std::vector<AccountRow> rows;
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    grown = grown.with(row_of(number));
    rows.push_back(row_of(number));
    const bool near_the_end_of_a_block = number % 256 < 3 || number % 256 > 253;
    if (near_the_end_of_a_block) {
      expect_holds(grown, number);
      expect_holds(AccountTable(rows), number);
    }
  }
}

TEST(AccountTable, LeavesTheOneBeforeAsItWas) {
  AccountTable before;
  for (std::uint64_t number = 1; number <= 300; ++number) before = before.with(row_of(number));
  const AccountTable after = before.with(row_of(301));
  expect_holds(before, 300);
  expect_holds(after, 301);
  EXPECT_EQ(&before[0], &after[0]) << "full blocks are shared";
}

TEST(AccountTable, MayBeEmpty) {
  expect_holds(AccountTable(), 0);
  expect_holds(AccountTable(std::vector<AccountRow>()), 0);
}

}  // namespace
}  // namespace mail
