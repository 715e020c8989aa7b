// The only file that sees sqlite3.h.
#include "platform/sql/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/planted.h"
#include "base/text.h"

namespace mail::sql {
namespace {

constexpr int kBusyMilliseconds = 5'000;

Errc code_of(int status) {
  if (status == SQLITE_CONSTRAINT_UNIQUE || status == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return Errc::already_exists;
  }
  switch (status & 0xFF) {  // the primary code within an extended one
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return Errc::invalid_argument;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::overloaded;
    case SQLITE_FULL:
      return Errc::storage_full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::store_corrupt;
    default:
      return Errc::io_error;
  }
}

std::unexpected<Error> failure(sqlite3* handle, int status) {
  const char* file = sqlite3_db_filename(handle, "main");
  // SQLITE_FULL is said of the database alone, not of the files beside it.
  const int error = sqlite3_system_errno(handle);
  const bool full = code_of(status) == Errc::io_error && (error == ENOSPC || error == EDQUOT);
  return fail(
      full ? Errc::storage_full : code_of(status),
      concat("SQLite on ", file != nullptr ? file : "a database", ": ", sqlite3_errmsg(handle)));
}

std::unexpected<Error> system_failure(const std::filesystem::path& file, std::string_view doing) {
  const int error = errno;
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::storage_full
                    : error == EEXIST                  ? Errc::already_exists
                                                       : Errc::io_error;
  return fail(code, concat("cannot ", doing, ' ', file.native(), ": ", std::strerror(error)));
}

// So that a new name in it survives a power cut (security.md 8).
Result<void> sync_directory_of(const std::filesystem::path& file) {
  if (planted(Bug::no_directory_sync)) return {};
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_failure(folder, "open");
  const int status = ::fsync(fd);
  ::close(fd);
  if (status != 0) return system_failure(folder, "sync");
  return {};
}

// An empty file is an empty database; made here because SQLite would make it 0644.
Result<void> create_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure(file, "create");
  ::close(fd);
  return sync_directory_of(file);
}

// Never opens an existing file: closing that descriptor would drop the locks which another
// connection of this process holds on it (POSIX advisory locks).
Result<void> require_private_file(const std::filesystem::path& file) {
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0) {
    return errno == ENOENT ? create_file(file) : system_failure(file, "look at");
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::not_allowed, concat(file.native(), " is not a plain file: move it away"));
  }
  if ((status.st_mode & 077) != 0) {
    return fail(Errc::not_allowed, concat(file.native(),
                                          " holds secrets but group or others may "
                                          "use it: run 'chmod 600 ",
                                          file.native(), "'"));
  }
  return {};
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Result<bool> Statement::step() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return failure(sqlite3_db_handle(statement_), status);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  MAIL_TRY(require_private_file(file));
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(
      file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  std::unique_ptr<Database> database(new Database(handle));  // closes it on failure, too
  if (handle == nullptr) return fail(Errc::io_error, "no memory for SQLite");
  if (status != SQLITE_OK) return failure(handle, status);
  MAIL_TRY(database->configure());
  return database;
}

Result<void> Database::configure() {
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
  // A damaged or planted schema must not be able to run functions or write to its own tables.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // EXTRA: until the write-ahead log is on (a full disk puts that off), a change ends with the
  // removal of a journal, and a power cut that undoes the removal would undo the change.
  MAIL_TRY(run_script("PRAGMA synchronous=EXTRA; PRAGMA foreign_keys=ON;"));
  MAIL_TRY(Statement mode, prepare("PRAGMA journal_mode=WAL"));
  MAIL_TRY(const bool row, mode.step());
  if (!row || mode.text(0) != "wal") {
    return fail(Errc::io_error,
                "SQLite cannot keep a write-ahead log here: is the state folder on "
                "a local file system?");
  }
  // What an earlier process wrote and could not sync is in the system's memory, clean, and read
  // back as if it were on the disk; commits behind it in the log would go with it at a power cut.
  // So the log begins anew. Another process at work here keeps it: then it is not ours alone to
  // judge.
  MAIL_TRY(Statement checkpoint, prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
  const Result<bool> done = checkpoint.step();
  if (!done && done.error().code != Errc::overloaded) return std::unexpected(done.error());
  return {};
}

Database::~Database() { sqlite3_close_v2(handle_); }

Result<Statement> Database::prepare(std::string_view sql, std::initializer_list<Value> values) {
  sqlite3_stmt* raw = nullptr;
  int status = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  Statement statement(raw);
  if (status != SQLITE_OK) return failure(handle_, status);
  MAIL_ASSERT(sqlite3_bind_parameter_count(raw) == static_cast<int>(values.size()));
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      status = sqlite3_bind_int64(raw, index, *number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      // A null pointer would bind NULL: an empty view is the empty text.
      status = sqlite3_bind_text64(raw, index, text->empty() ? "" : text->data(), text->size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8);
    } else {
      status = sqlite3_bind_null(raw, index);
    }
    if (status != SQLITE_OK) return failure(handle_, status);
  }
  return statement;
}

Result<void> Database::run(std::string_view sql, std::initializer_list<Value> values) {
  MAIL_TRY(Statement statement, prepare(sql, values));
  for (;;) {
    MAIL_TRY(const bool row, statement.step());
    if (!row) return {};
  }
}

Result<void> Database::run_script(const char* sql) {
  const int status = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return failure(handle_, status);
  return {};
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

Result<std::int64_t> Database::user_version() {
  MAIL_TRY(Statement statement, prepare("PRAGMA user_version"));
  MAIL_TRY(const bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

Result<void> Database::set_user_version(std::int64_t version) {
  return run(concat("PRAGMA user_version=", version));  // a pragma takes no parameters
}

Result<void> Database::backup(const std::filesystem::path& file) {
  MAIL_TRY(create_file(file));
  sqlite3* copy = nullptr;
  int status =
      sqlite3_open_v2(file.c_str(), &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, nullptr);
  Result<void> result;
  if (status == SQLITE_OK) {
    sqlite3_busy_timeout(copy, kBusyMilliseconds);
    if (sqlite3_backup* work = sqlite3_backup_init(copy, "main", handle_, "main")) {
      sqlite3_backup_step(work, -1);  // its outcome is what finish() returns
      status = sqlite3_backup_finish(work);
    } else {
      status = sqlite3_extended_errcode(copy);
    }
  }
  if (status != SQLITE_OK) {
    result = fail(code_of(status), concat("cannot copy the database to ", file.native(), ": ",
                                          sqlite3_errmsg(copy)));
  }
  sqlite3_close_v2(copy);
  if (!result) {
    std::error_code ignored;  // the first failure is the one worth telling
    std::filesystem::remove(file, ignored);
  }
  return result;
}

Result<void> Database::check() {
  constexpr int kShown = 5;
  std::string trouble;
  MAIL_TRY(Statement pages, prepare(concat("PRAGMA integrity_check(", kShown, ")")));
  for (;;) {
    MAIL_TRY(const bool row, pages.step());
    if (!row) break;
    if (const std::string line = pages.text(0); line != "ok") append(trouble, "; ", line);
  }
  MAIL_TRY(Statement keys, prepare("PRAGMA foreign_key_check"));
  for (int shown = 0; shown < kShown; ++shown) {
    MAIL_TRY(const bool row, keys.step());
    if (!row) break;
    append(trouble, "; row ", keys.integer(1), " of ", keys.text(0), " names a missing row of ",
           keys.text(2));
  }
  if (!trouble.empty()) return fail(Errc::store_corrupt, trouble.substr(2));
  return {};
}

Result<Transaction> Transaction::begin(Database& database) {
  MAIL_TRY(database.run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Result<void> Transaction::commit() {
  MAIL_TRY(database_->run("COMMIT"));  // on failure the destructor rolls back
  database_ = nullptr;
  return {};
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // Fails only where SQLite has rolled back by itself, which is what is wanted.
  [[maybe_unused]] const Result<void> rolled_back = database_->run("ROLLBACK");
}

}  // namespace mail::sql
