// A disk whose power can be cut. Below its root every system call of this process that changes a
// file or a directory passes here (calls.cc): RocksDB's, SQLite's and our own alike. The system
// does the work, so programs see what they wrote; beside it stands what a disk would hold: bytes
// count once their file was synced, names once their directory was. A cut keeps what counts, and of
// the rest nothing, a prefix, a torn end, or later blocks without earlier ones. The same place lets
// the Nth operation fail. A sync that failed leaves its bytes in the cache, clean and for ever
// unwritten, as Linux does. Any thread. One disk at a time. Reads, mapped memory (SQLite's -shm)
// and what the C library opens by itself (RocksDB's LOG, by fopen) pass by: neither is needed to
// keep mail.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mail::crash {

using Dice = std::mt19937_64;

struct Fault {
  enum class What : std::uint8_t { cut, fail, short_write, torn_write };
  What what = What::cut;
  int error = 0;         // of `fail`; of the second half of a torn write
  std::uint64_t at = 0;  // the number of the operation, from 1; 0: never
  bool for_ever = false;
};

class Disk {
 public:
  explicit Disk(const std::filesystem::path& root);  // an empty directory, which it takes
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  const std::filesystem::path& root() const { return root_; }
  void arm(const Fault& fault);  // counts from 1 again
  void disarm();
  std::uint64_t operations() const;  // since arm()
  bool struck() const;               // the fault has happened
  std::string where() const;         // the operation that it hit
  // Runs `note` unless the power is gone: what is noted by it was acknowledged while it was there.
  bool while_powered(const std::function<void()>& note);
  bool powered() const;

  // With everything that used it gone: the root becomes what the cut left, and there is power
  // again.
  void restart(Dice& dice);

  // --- the seam: as the system calls of these names ---
  static Disk* of(const char* path);  // null: not below the root
  static Disk* of(int file);
  int open(const char* path, int flags, mode_t mode);
  int close(int file);
  ssize_t write(int file, const char* bytes, std::size_t size);
  ssize_t pwrite(int file, const char* bytes, std::size_t size, off_t offset);
  int truncate(int file, off_t size);
  int allocate(int file, int mode, off_t offset, off_t size);
  int sync(int file);
  int make_directory(const char* path, mode_t mode);
  int remove(const char* path, bool directory);
  int rename(const char* from, const char* to);
  int link(const char* from, const char* to);

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  struct Write {
    std::uint64_t offset;
    std::string bytes;
    bool truncates = false;  // to `offset`
    bool lost = false;       // its sync failed
  };
  struct Step {  // names that change together
    std::vector<std::pair<std::string, NodePtr>> names;
  };
  struct Node {
    bool directory = false;
    mode_t mode = 0600;
    std::string durable;
    std::vector<Write> pending;
    std::map<std::string, NodePtr> durable_names;
    std::map<std::string, NodePtr> names;
    std::vector<Step> steps;
  };
  enum class Kind : std::uint8_t { open, write, allocate, sync, name };

  using Lock = std::lock_guard<std::mutex>;
  int admit(Kind kind, std::string_view what);  // 0, or the error; the lock is held
  bool hits(Kind kind) const;
  NodePtr find(std::string_view path) const;
  NodePtr parent_of(std::string_view path, std::string& name) const;
  void record(Node& file, std::uint64_t offset, std::string_view bytes);
  static void put(std::string& content, const Write& write);
  static void supersede(std::vector<Write>& lost, const Write& later);
  static std::string after_cut(const Node& file, Dice& dice);
  static void tear(std::string& content, std::span<const Write> writes, Dice& dice);
  void make(const std::filesystem::path& path, Node& node, Dice& dice);

  mutable std::mutex mutex_;
  const std::filesystem::path root_;
  const std::string prefix_;
  NodePtr top_;
  std::unordered_map<int, std::pair<NodePtr, std::string>> files_;
  Fault fault_;
  std::uint64_t operations_ = 0;
  bool struck_ = false;
  bool powered_ = true;
  bool tear_next_ = false;
  std::string where_;
};

}  // namespace mail::crash
