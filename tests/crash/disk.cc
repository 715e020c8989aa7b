#include "disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

namespace mail::crash {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kDescriptors = 65536;

std::atomic<Disk*> the_disk = nullptr;
std::array<std::atomic<bool>, kDescriptors> is_ours;

int refuse(int error) {
  errno = error;
  return -1;
}

// What the system says goes on; what cannot be, ends the test.
void must(bool done, const std::string& what) {
  if (done) return;
  std::perror(what.c_str());
  std::abort();
}

std::size_t below(Dice& dice, std::size_t bound) { return bound == 0 ? 0 : dice() % bound; }

}  // namespace

Disk::Disk(const std::filesystem::path& root)
    : root_(root), prefix_(root.string() + "/"), top_(std::make_shared<Node>()) {
  top_->directory = true;
  the_disk = this;
}

Disk::~Disk() { the_disk = nullptr; }

Disk* Disk::of(const char* path) {
  Disk* disk = the_disk;
  if (disk == nullptr || path == nullptr) return nullptr;
  const std::string_view name(path);
  return name.starts_with(disk->prefix_) || name == disk->root_.native() ? disk : nullptr;
}

Disk* Disk::of(int file) {
  const bool ours = file >= 0 && static_cast<std::size_t>(file) < kDescriptors &&
                    is_ours[static_cast<std::size_t>(file)];
  return ours ? the_disk.load() : nullptr;
}

void Disk::arm(const Fault& fault) {
  const Lock lock(mutex_);
  fault_ = fault;
  operations_ = 0;
  struck_ = false;
  where_.clear();
}

void Disk::disarm() { arm({}); }

std::uint64_t Disk::operations() const {
  const Lock lock(mutex_);
  return operations_;
}

bool Disk::struck() const {
  const Lock lock(mutex_);
  return struck_;
}

std::string Disk::where() const {
  const Lock lock(mutex_);
  return where_;
}

bool Disk::powered() const {
  const Lock lock(mutex_);
  return powered_;
}

bool Disk::while_powered(const std::function<void()>& note) {
  const Lock lock(mutex_);
  if (powered_) note();
  return powered_;
}

// Out of descriptors nothing is opened, on a full disk nothing grows; a broken one does nothing.
bool Disk::hits(Kind kind) const {
  if (fault_.at == 0 || operations_ < fault_.at) return false;
  if (struck_ && !fault_.for_ever && fault_.what != Fault::What::cut) return false;
  if (fault_.what == Fault::What::cut) return true;
  if (fault_.what != Fault::What::fail) return kind == Kind::write;
  if (fault_.error == EMFILE) return kind == Kind::open;
  if (fault_.error == ENOSPC) return kind != Kind::sync;
  return true;
}

int Disk::admit(Kind kind, std::string_view what) {
  tear_next_ = false;
  if (!powered_) return EIO;
  ++operations_;
  if (!hits(kind)) return 0;
  if (!struck_) where_ = what;
  struck_ = true;
  switch (fault_.what) {
    case Fault::What::cut:
      powered_ = false;
      return EIO;
    case Fault::What::fail:
      return fault_.error;
    case Fault::What::short_write:
    case Fault::What::torn_write:
      tear_next_ = true;
      return 0;
  }
  return 0;
}

Disk::NodePtr Disk::find(std::string_view path) const {
  std::string_view rest = path.substr(std::min(path.size(), prefix_.size()));
  NodePtr node = top_;
  while (node && !rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string name(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    const auto found = node->names.find(name);
    node = found == node->names.end() ? nullptr : found->second;
  }
  return node;
}

Disk::NodePtr Disk::parent_of(std::string_view path, std::string& name) const {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  name = path.substr(slash + 1);
  return find(path.substr(0, slash));
}

int Disk::open(const char* path, int flags, mode_t mode) {
  const Lock lock(mutex_);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  NodePtr node = find(path);
  if (writes || fault_.error == EMFILE) {
    if (const int error = admit(Kind::open, std::string("open ") + path)) return refuse(error);
  }
  const int file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (file < 0) return file;
  must(static_cast<std::size_t>(file) < kDescriptors, "descriptors");
  if (!node && (flags & O_CREAT) != 0) {
    std::string name;
    const NodePtr parent = parent_of(path, name);
    must(parent != nullptr, path);
    node = std::make_shared<Node>();
    node->mode = mode;
    parent->names[name] = node;
    parent->steps.push_back({{{name, node}}});
  } else if (node && (flags & O_TRUNC) != 0 && writes) {
    node->pending.push_back({0, "", true});
  }
  if (!node) return file;  // a file that passed by, such as RocksDB's LOG
  files_[file] = {node, path};
  is_ours[static_cast<std::size_t>(file)] = true;
  return file;
}

int Disk::close(int file) {
  const Lock lock(mutex_);
  files_.erase(file);
  is_ours[static_cast<std::size_t>(file)] = false;
  return static_cast<int>(::syscall(SYS_close, file));
}

void Disk::record(Node& file, std::uint64_t offset, std::string_view bytes) {
  // Appends become one write: what is torn is torn anywhere in it.
  if (!file.pending.empty()) {
    Write& last = file.pending.back();
    if (!last.truncates && !last.lost && last.offset + last.bytes.size() == offset) {
      last.bytes += bytes;
      return;
    }
  }
  file.pending.push_back({offset, std::string(bytes)});
}

ssize_t Disk::write(int file, const char* bytes, std::size_t size) {
  const Lock lock(mutex_);
  auto& [node, path] = files_.at(file);
  if (const int error = admit(Kind::write, "write " + path)) return refuse(error);
  const bool torn = tear_next_ && size > 1;
  const std::size_t part = torn ? size / 2 : size;
  const ssize_t done = ::syscall(SYS_write, file, bytes, part);
  if (done <= 0) return done;
  const auto written = static_cast<std::uint64_t>(done);
  const auto end = static_cast<std::uint64_t>(::lseek(file, 0, SEEK_CUR));
  record(*node, end - written, {bytes, written});
  return torn && fault_.what == Fault::What::torn_write ? refuse(fault_.error) : done;
}

ssize_t Disk::pwrite(int file, const char* bytes, std::size_t size, off_t offset) {
  const Lock lock(mutex_);
  auto& [node, path] = files_.at(file);
  if (const int error = admit(Kind::write, "write " + path)) return refuse(error);
  const bool torn = tear_next_ && size > 1;
  const std::size_t part = torn ? size / 2 : size;
  const ssize_t done = ::syscall(SYS_pwrite64, file, bytes, part, offset);
  if (done <= 0) return done;
  record(*node, static_cast<std::uint64_t>(offset), {bytes, static_cast<std::size_t>(done)});
  return torn && fault_.what == Fault::What::torn_write ? refuse(fault_.error) : done;
}

int Disk::truncate(int file, off_t size) {
  const Lock lock(mutex_);
  auto& [node, path] = files_.at(file);
  if (const int error = admit(Kind::allocate, "truncate " + path)) return refuse(error);
  const auto done = static_cast<int>(::syscall(SYS_ftruncate, file, size));
  if (done == 0) node->pending.push_back({static_cast<std::uint64_t>(size), "", true});
  return done;
}

int Disk::allocate(int file, int mode, off_t offset, off_t size) {
  const Lock lock(mutex_);
  auto& [node, path] = files_.at(file);
  if (const int error = admit(Kind::allocate, "allocate " + path)) return refuse(error);
  const auto done = static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, size));
  if (done == 0 && mode == 0) {
    struct stat status{};
    must(::fstat(file, &status) == 0, path);
    node->pending.push_back({static_cast<std::uint64_t>(status.st_size), "", true});
  }
  return done;
}

int Disk::sync(int file) {
  const Lock lock(mutex_);
  auto& [node, path] = files_.at(file);
  const int error = admit(Kind::sync, "sync " + path);
  if (error != 0) {
    if (powered_) {
      for (Write& write : node->pending) write.lost = true;
    }
    return refuse(error);
  }
  if (node->directory) {
    node->durable_names = node->names;
    node->steps.clear();
    return 0;
  }
  std::vector<Write> lost;
  for (Write& write : node->pending) {
    if (write.lost) {
      lost.push_back(std::move(write));
    } else {
      put(node->durable, write);
      supersede(lost, write);
    }
  }
  node->pending = std::move(lost);
  return 0;
}

int Disk::make_directory(const char* path, mode_t mode) {
  const Lock lock(mutex_);
  if (const int error = admit(Kind::name, std::string("mkdir ") + path)) return refuse(error);
  const auto done = static_cast<int>(::syscall(SYS_mkdir, path, mode));
  if (done != 0) return done;
  std::string name;
  const NodePtr parent = parent_of(path, name);
  must(parent != nullptr, path);
  const auto node = std::make_shared<Node>();
  node->directory = true;
  node->mode = mode;
  parent->names[name] = node;
  parent->steps.push_back({{{name, node}}});
  return 0;
}

int Disk::remove(const char* path, bool directory) {
  const Lock lock(mutex_);
  std::string name;
  const NodePtr parent = parent_of(path, name);
  const bool known = parent && parent->names.contains(name);
  if (known) {
    if (const int error = admit(Kind::name, std::string("remove ") + path)) return refuse(error);
  }
  const auto done = static_cast<int>(::syscall(directory ? SYS_rmdir : SYS_unlink, path));
  if (done != 0 || !known) return done;
  parent->names.erase(name);
  parent->steps.push_back({{{name, nullptr}}});
  return 0;
}

int Disk::rename(const char* from, const char* to) {
  const Lock lock(mutex_);
  const NodePtr node = find(from);
  if (node) {
    if (const int error = admit(Kind::name, std::string("rename ") + to)) return refuse(error);
  }
  const auto done = static_cast<int>(::syscall(SYS_rename, from, to));
  if (done != 0 || !node) return done;
  std::string old_name;
  std::string new_name;
  const NodePtr old_parent = parent_of(from, old_name);
  const NodePtr new_parent = parent_of(to, new_name);
  must(old_parent && new_parent, to);
  old_parent->names.erase(old_name);
  new_parent->names[new_name] = node;
  if (old_parent == new_parent) {
    new_parent->steps.push_back({{{old_name, nullptr}, {new_name, node}}});
  } else {
    old_parent->steps.push_back({{{old_name, nullptr}}});
    new_parent->steps.push_back({{{new_name, node}}});
  }
  return 0;
}

int Disk::link(const char* from, const char* to) {
  const Lock lock(mutex_);
  const NodePtr node = find(from);
  if (const int error = admit(Kind::name, std::string("link ") + to)) return refuse(error);
  const auto done = static_cast<int>(::syscall(SYS_link, from, to));
  if (done != 0) return done;
  std::string name;
  const NodePtr parent = parent_of(to, name);
  must(parent != nullptr && node != nullptr, to);
  parent->names[name] = node;
  parent->steps.push_back({{{name, node}}});
  return 0;
}

// --- the cut ---

void Disk::put(std::string& content, const Write& write) {
  if (write.truncates) {
    content.resize(write.offset);
    return;
  }
  const std::size_t end = write.offset + write.bytes.size();
  if (content.size() < end) content.resize(end);
  content.replace(write.offset, write.bytes.size(), write.bytes);
}

// Of the bytes that were not synced: a prefix that ends anywhere, the last block begun but not
// ended, or each block on its own.
void Disk::tear(std::string& content, std::span<const Write> writes, Dice& dice) {
  const std::size_t whole = below(dice, writes.size());
  for (const Write& write : writes.first(whole)) put(content, write);
  const Write& last = writes[whole];
  if (last.truncates || last.bytes.empty()) return;
  Write part = last;
  std::size_t keep = below(dice, last.bytes.size() + 1);
  if (dice() % 2 == 0) {
    // The block is there with its size, but only its first sectors were written.
    constexpr std::size_t kSector = 512;
    keep -= keep % kSector;
    const std::size_t end = std::min(last.bytes.size(), keep + below(dice, kBlock));
    part.bytes.assign(end, '\0');
    part.bytes.replace(0, keep, last.bytes, 0, keep);
  } else {
    part.bytes.resize(keep);
  }
  put(content, part);
}

// What a failed sync has lost may have reached the disk by then, but never over what came later.
void Disk::supersede(std::vector<Write>& lost, const Write& later) {
  std::vector<Write> left;
  const std::uint64_t end = later.offset + later.bytes.size();
  for (const Write& write : lost) {
    const std::uint64_t write_end = write.offset + write.bytes.size();
    if (write.truncates) {
      if (!later.truncates && end <= write.offset) left.push_back(write);
      continue;
    }
    if (write.offset < later.offset) {
      left.push_back(write);
      left.back().bytes.resize(std::min(write_end, later.offset) - write.offset);
    }
    if (!later.truncates && write_end > end) {
      const std::uint64_t from = std::max(end, write.offset);
      left.push_back({from, write.bytes.substr(from - write.offset), false, true});
    }
  }
  lost = std::move(left);
}

std::string Disk::after_cut(const Node& file, Dice& dice) {
  std::string content = file.durable;
  if (file.pending.empty()) return content;
  switch (dice() % 5) {
    case 0:
      break;  // nothing
    case 1:
      for (const Write& write : file.pending) put(content, write);
      break;
    case 2:
    case 3:
      tear(content, file.pending, dice);
      break;
    default:  // later blocks without earlier ones
      for (const Write& write : file.pending) {
        if (write.truncates) {
          put(content, write);
          continue;
        }
        for (std::size_t at = 0; at < write.bytes.size();) {
          const std::size_t end =
              std::min(write.bytes.size(), at + kBlock - (write.offset + at) % kBlock);
          if (dice() % 2 == 0) put(content, {write.offset + at, write.bytes.substr(at, end - at)});
          at = end;
        }
      }
  }
  return content;
}

void Disk::make(const std::filesystem::path& path, Node& node, Dice& dice) {
  if (node.directory) {
    for (const Step& step : std::span(node.steps).first(below(dice, node.steps.size() + 1))) {
      for (const auto& [name, child] : step.names) {
        if (child) {
          node.durable_names[name] = child;
        } else {
          node.durable_names.erase(name);
        }
      }
    }
    node.steps.clear();
    node.names = node.durable_names;
    if (&node != top_.get()) {
      must(::syscall(SYS_mkdir, path.c_str(), 0700) == 0, path.string());
    }
    for (const auto& [name, child] : node.names) make(path / name, *child, dice);
    return;
  }
  node.durable = after_cut(node, dice);
  node.pending.clear();
  const auto file = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, node.mode));
  must(file >= 0, path.string());
  for (std::size_t at = 0; at < node.durable.size();) {
    const ssize_t done =
        ::syscall(SYS_write, file, node.durable.data() + at, node.durable.size() - at);
    must(done > 0, path.string());
    at += static_cast<std::size_t>(done);
  }
  ::syscall(SYS_close, file);
}

void Disk::restart(Dice& dice) {
  const Lock lock(mutex_);
  the_disk = nullptr;  // not through the seam, which would wait for our lock
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    std::filesystem::remove_all(entry.path());
  }
  the_disk = this;
  for (const auto& [file, opened] : files_) is_ours[static_cast<std::size_t>(file)] = false;
  files_.clear();
  make(root_, *top_, dice);
  powered_ = true;
  fault_ = {};
  operations_ = 0;
  struck_ = false;
}

}  // namespace mail::crash
