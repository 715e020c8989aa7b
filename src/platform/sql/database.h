// SQLite behind values: one connection, statements with bound parameters, transactions, live
// copies. A connection serves one thread at a time (its owner excludes the others); statements and
// transactions end before their database. Nothing throws.
// Errors: already_exists (a unique key), invalid_argument (another constraint), overloaded (another
// process holds the file for over five seconds), storage_full, store_corrupt, not_allowed (file
// mode), io_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mail::sql {

// What stands for a `?`. Text is copied when it is bound.
using Value = std::variant<std::nullptr_t, std::int64_t, std::string_view>;

// A statement with its parameters, and the row it stands on. Columns count from 0.
class Statement {
 public:
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Result<bool> step();  // true: stands on a row; false: there are no more
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
};

class Database {
 public:
  // Makes the file, mode 0600, where it is missing; refuses one that group or others may read
  // (security.md 58) and anything that is not a plain file. Write-ahead log, every commit synced,
  // foreign keys enforced.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<Statement> prepare(std::string_view sql, std::initializer_list<Value> values = {});
  Result<void> run(std::string_view sql, std::initializer_list<Value> values = {});
  Result<void> run_script(const char* sql);  // several statements, fixed text only
  std::int64_t changes() const;              // rows the last run() changed
  std::int64_t last_insert_id() const;

  Result<std::int64_t> user_version();
  Result<void> set_user_version(std::int64_t version);  // takes part in a transaction

  // A consistent, synced copy in a new file, mode 0600, made while others read and write.
  // already_exists when something is there; what a failure leaves behind is removed.
  Result<void> backup(const std::filesystem::path& file);
  Result<void> check();  // pages, indexes, foreign keys; store_corrupt says what is wrong

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Result<void> configure();
  sqlite3* handle_;
};

// Begins at once as the one writer; what is not committed is rolled back by the destructor.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<void> commit();  // returns after the sync; a failed one is rolled back

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // null once it is over
};

}  // namespace mail::sql
