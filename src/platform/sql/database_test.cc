#include "platform/sql/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace mail::sql {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-sql-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ / "test.db";
  }
  ~DatabaseTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Database> open() {
    Result<std::unique_ptr<Database>> database = Database::open(file_);
    EXPECT_TRUE(database) << describe(database.error());
    return std::move(*database);
  }
  std::unique_ptr<Database> open_with_table() {
    std::unique_ptr<Database> database = open();
    EXPECT_TRUE(
        database->run_script("CREATE TABLE pair (name TEXT PRIMARY KEY, number INTEGER) STRICT;"));
    return database;
  }
  static std::int64_t count(Database& database) {
    Result<Statement> statement = database.prepare("SELECT count(*) FROM pair");
    EXPECT_TRUE(statement->step().value());
    return statement->integer(0);
  }
  static std::string pragma(Database& database, std::string_view question) {
    Result<Statement> statement = database.prepare(question);
    EXPECT_TRUE(statement->step().value());
    return statement->text(0);
  }
  static unsigned mode_of(const std::filesystem::path& file) {
    struct stat status{};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 0777;
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
};

TEST_F(DatabaseTest, NewFilesAreForTheOwnerOnlyTheLogToo) {
  const std::unique_ptr<Database> database = open_with_table();
  EXPECT_EQ(mode_of(file_), 0600u);
  EXPECT_EQ(mode_of(file_.native() + "-wal"), 0600u);
}

TEST_F(DatabaseTest, EveryCommitIsLoggedAndSynced) {
  const std::unique_ptr<Database> database = open();
  EXPECT_EQ(pragma(*database, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(pragma(*database, "PRAGMA synchronous"), "3");  // EXTRA
  EXPECT_EQ(pragma(*database, "PRAGMA foreign_keys"), "1");
}

TEST_F(DatabaseTest, AFileThatOthersMayReadIsRefusedWithTheRemedy) {
  open().reset();
  std::filesystem::permissions(file_, std::filesystem::perms(0640));
  const Result<std::unique_ptr<Database>> again = Database::open(file_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::not_allowed);
  EXPECT_NE(again.error().detail.find("chmod 600"), std::string::npos);
}

TEST_F(DatabaseTest, ALinkIsNotFollowed) {
  open().reset();
  const std::filesystem::path link = folder_ / "link.db";
  std::filesystem::create_symlink(file_, link);
  EXPECT_EQ(Database::open(link).error().code, Errc::not_allowed);
}

TEST_F(DatabaseTest, AMissingFolderIsAnError) {
  EXPECT_EQ(Database::open(folder_ / "none" / "x.db").error().code, Errc::io_error);
}

TEST_F(DatabaseTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text(4096, 'x');
  std::ofstream(file_) << text;
  std::filesystem::permissions(file_, std::filesystem::perms(0600));
  EXPECT_EQ(Database::open(file_).error().code, Errc::store_corrupt);
  std::ifstream in(file_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
}

TEST_F(DatabaseTest, ParametersAreDataWhateverTheyHold) {
  const std::unique_ptr<Database> database = open_with_table();
  using namespace std::string_literals;
  for (const std::string& name : {"'; DROP TABLE pair; --"s, "a\0b"s, ""s, "\xC3\xA9"s}) {
    ASSERT_TRUE(database->run("INSERT INTO pair VALUES (?, ?)", {name, 7}));
    Result<Statement> row = database->prepare("SELECT name FROM pair WHERE name = ?", {name});
    ASSERT_TRUE(row->step().value());
    EXPECT_EQ(row->text(0), name);
    EXPECT_FALSE(row->step().value());
  }
  EXPECT_EQ(count(*database), 4);
}

TEST_F(DatabaseTest, NullIsNotZero) {
  const std::unique_ptr<Database> database = open_with_table();
  ASSERT_TRUE(database->run("INSERT INTO pair VALUES (?, ?)", {"a", nullptr}));
  Result<Statement> row = database->prepare("SELECT number FROM pair");
  ASSERT_TRUE(row->step().value());
  EXPECT_TRUE(row->is_null(0));
}

TEST_F(DatabaseTest, ConstraintsHaveTheirOwnErrors) {
  const std::unique_ptr<Database> database = open_with_table();
  ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('a', 1)"));
  EXPECT_EQ(database->run("INSERT INTO pair VALUES ('a', 2)").error().code, Errc::already_exists);
  EXPECT_EQ(database->run("INSERT INTO pair VALUES ('b', 'word')").error().code,
            Errc::invalid_argument);
  EXPECT_FALSE(database->run("no sql at all"));
}

TEST_F(DatabaseTest, WhatIsNotCommittedIsRolledBack) {
  const std::unique_ptr<Database> database = open_with_table();
  {
    Result<Transaction> transaction = Transaction::begin(*database);
    ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('a', 1)"));
    ASSERT_TRUE(database->set_user_version(9));
  }
  EXPECT_EQ(count(*database), 0);
  EXPECT_EQ(database->user_version(), 0);
  {
    Result<Transaction> transaction = Transaction::begin(*database);
    ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('a', 1)"));
    ASSERT_TRUE(database->set_user_version(9));
    ASSERT_TRUE(transaction->commit());
  }
  EXPECT_EQ(count(*database), 1);
  EXPECT_EQ(database->user_version(), 9);
}

TEST_F(DatabaseTest, WhatIsCommittedIsThereAfterReopening) {
  {
    const std::unique_ptr<Database> database = open_with_table();
    ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('a', 1)"));
    EXPECT_EQ(database->changes(), 1);
  }
  EXPECT_EQ(count(*open()), 1);
}

TEST_F(DatabaseTest, ACopyIsWholeWhileTheDatabaseLives) {
  const std::unique_ptr<Database> database = open_with_table();
  ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('a', 1)"));
  const std::filesystem::path copy = folder_ / "copy.db";
  ASSERT_TRUE(database->backup(copy));
  ASSERT_TRUE(database->run("INSERT INTO pair VALUES ('b', 2)"));
  EXPECT_EQ(mode_of(copy), 0600u);
  EXPECT_FALSE(std::filesystem::exists(copy.native() + "-wal"));  // one file holds it all
  Result<std::unique_ptr<Database>> opened = Database::open(copy);
  ASSERT_TRUE(opened);
  EXPECT_EQ(count(**opened), 1);
  EXPECT_EQ(database->backup(copy).error().code, Errc::already_exists);
}

TEST_F(DatabaseTest, CheckFindsDamagedPages) {
  {
    const std::unique_ptr<Database> database = open_with_table();
    Result<Transaction> transaction = Transaction::begin(*database);
    for (int i = 0; i < 2000; ++i) {
      const std::string name = "a rather long name " + std::to_string(i);
      ASSERT_TRUE(database->run("INSERT INTO pair VALUES (?, ?)", {name, i}));
    }
    ASSERT_TRUE(transaction->commit());
    ASSERT_TRUE(database->check());
  }
  {
    std::fstream raw(file_, std::ios::in | std::ios::out | std::ios::binary);
    raw.seekp(3 * 4096);
    raw << std::string(4096, '\x5A');
  }
  EXPECT_EQ(open()->check().error().code, Errc::store_corrupt);
}

TEST_F(DatabaseTest, CheckFindsRowsThatPointNowhere) {
  const std::unique_ptr<Database> database = open_with_table();
  ASSERT_TRUE(
      database->run_script("CREATE TABLE child (name TEXT REFERENCES pair(name));"
                           "PRAGMA foreign_keys=OFF; INSERT INTO child VALUES ('nobody');"));
  const Result<void> checked = database->check();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail.find("child"), std::string::npos);
}

}  // namespace
}  // namespace mail::sql
