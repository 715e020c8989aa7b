#include <gtest/gtest.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <fstream>
#include <optional>

#include "base/text.h"
#include "platform/kv/rocks.h"
#include "platform/os/file.h"

namespace mail::kv {
namespace {

namespace fs = std::filesystem;

class CheckedTablesTest : public testing::Test {
 protected:
  static constexpr std::size_t kFooter = 53;
  static constexpr int kRows = 500;
  static constexpr std::string_view kValue = "the value of a key";
  static std::string key(int row) { return concat("key ", 10'000 + row); }

  CheckedTablesTest() {
    std::string name = (fs::temp_directory_path() / "mail_tables_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    rocksdb::Options options;
    options.compression = rocksdb::kNoCompression;
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
    EXPECT_TRUE(writer.Open(file().string()).ok());
    for (int row = 0; row < kRows; ++row) EXPECT_TRUE(writer.Put(key(row), kValue).ok());
    EXPECT_TRUE(writer.Finish().ok());
    bytes_ = os::read_file(file()).value();
  }
  ~CheckedTablesTest() override { fs::remove_all(folder_); }

  fs::path file() const { return folder_ / "000001.sst"; }

  // How many rows are read from it, as they are, if it is not damaged.
  std::optional<int> rows_of(std::string_view bytes) {
    std::ofstream(file(), std::ios::binary) << bytes;
    rocksdb::Options options;
    options.env = checked_env();
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;  // a cache for each costs more than all else
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::SstFileReader reader(options);
    if (!reader.Open(file().string()).ok()) return std::nullopt;
    const std::unique_ptr<rocksdb::Iterator> row(reader.NewIterator(rocksdb::ReadOptions()));
    int rows = 0;
    for (row->SeekToFirst(); row->Valid(); row->Next()) {
      rows += row->key() == key(rows) && row->value() == kValue ? 1 : 0;
    }
    return row->status().ok() ? std::optional(rows) : std::nullopt;
  }

  fs::path folder_;
  std::string bytes_;
};

TEST_F(CheckedTablesTest, AWholeOneIsOpened) { EXPECT_EQ(rows_of(bytes_), kRows); }

// Unchecked some of these end the process: properties that can not be read are ignored, and with
// them that the index is written in differences.
TEST_F(CheckedTablesTest, AFlippedBitBehindTheRowsIsSeenOrMeansNothing) {
  const std::size_t properties = bytes_.find("rocksdb.block.based.table.index.type");
  ASSERT_NE(properties, std::string::npos);
  int seen = 0;
  for (std::size_t at = properties; at < bytes_.size(); ++at) {
    for (const unsigned bit : {7U, static_cast<unsigned>(at % 7)}) {
      bytes_[at] = static_cast<char>(bytes_[at] ^ 1U << bit);
      const std::optional<int> rows = rows_of(bytes_);
      seen += rows ? 0 : 1;
      EXPECT_EQ(rows.value_or(kRows), kRows) << at << '.' << bit << " of " << bytes_.size();
      bytes_[at] = static_cast<char>(bytes_[at] ^ 1U << bit);
    }
  }
  const std::size_t padding = 40;  // of the footer's handles, at most
  EXPECT_GE(seen, 2 * static_cast<int>(bytes_.size() - properties - padding));
}

TEST_F(CheckedTablesTest, OneThatWasCutIsDamaged) {
  for (const std::size_t left : {std::size_t{0}, std::size_t{1}, kFooter - 1, kFooter}) {
    EXPECT_FALSE(rows_of(bytes_.substr(0, left))) << left;
    EXPECT_FALSE(rows_of(bytes_.substr(bytes_.size() - left))) << left;
  }
}

}  // namespace
}  // namespace mail::kv
