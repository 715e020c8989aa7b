// For tests of damage: makes a state with mail in all its kinds of files and a ledger beside it,
// and looks at a state whose files were damaged meanwhile. Every message of the ledger is there as
// it was or its loss was named, by its id, in the log or by check(); never is it there in other
// words.
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>

#include "base/executor.h"
#include "base/log.h"
#include "base/text.h"
#include "programs.h"
#include "service/store/salvage.h"
#include "world.h"

namespace mail::crash {
namespace {

template <typename T>
T run(Task<T> task) {
  LoopExecutor loop;
  return block_on(loop, std::move(task));
}

// All that the stores say while they are looked at.
class Words final : public log::Sink {
 public:
  void write(log::Level, std::string_view event, std::span<const log::Field> fields) override {
    const std::lock_guard lock(mutex_);
    append(text_, event);
    for (const log::Field& field : fields) append(text_, ' ', field.value);
    text_ += '\n';
  }
  void add(std::string_view line) { append(text_, line, '\n'); }
  bool name(std::string_view id) const { return text_.find(id) != std::string::npos; }

 private:
  std::mutex mutex_;
  std::string text_;
};

struct Sums {
  int whole = 0;
  int named = 0;
  int unnamed = 0;
  int altered = 0;
  std::size_t damage = 0;
};

void look_at(MailStore& store, std::istream& ledger, Words& words, Sums& sums) {
  std::string id_text;
  std::uint64_t seed = 0;
  std::size_t size = 0;
  while (ledger >> id_text >> seed >> size) {
    const MessageId id = MessageId::parse(id_text).value();
    const Result<record::Envelope> envelope = run(store.envelope(id));
    std::string content;
    bool read = envelope.has_value();
    while (read) {
      const Result<std::string> part = run(store.read_body(envelope->body, content.size()));
      read = part.has_value();
      if (!read || part->empty()) break;
      content += *part;
    }
    if (read && content == content_of(seed, size)) {
      ++sums.whole;
    } else if (read) {
      ++sums.altered;
      std::cout << id_text << " is ALTERED\n";
    } else if (words.name(id_text)) {
      ++sums.named;
    } else {
      ++sums.unnamed;
      std::cout << id_text
                << " is LOST and nothing says so: " << (envelope ? "" : describe(envelope.error()))
                << '\n';
    }
  }
}

}  // namespace

void World::write_ledger(const std::filesystem::path& file) const {
  std::ofstream out(file);
  for (const Worker& worker : all_) {
    for (const Message& message : worker.messages) {
      const bool waits = message.queued && message.tried == Stage::kept;
      const bool boxed = message.boxed && !message.removal_tried;
      if (message.promised < Stage::kept || !(waits || boxed)) continue;
      out << message.id.to_string() << ' ' << message.seed << ' ' << message.size << '\n';
    }
  }
}

int make_state(const std::filesystem::path& folder, std::uint64_t seed) {
  const std::filesystem::path state = folder / "state";
  std::filesystem::create_directories(state);
  Disk disk(state);
  World world(disk, seed);
  for (int life = 0; life < 3; ++life) {
    if (!world.open()) return 1;
    world.work(40, [] { return false; });
    world.verify();
    // As kill -9 leaves it: half of what it holds is still in the log.
    if (life == 2)
      std::filesystem::copy(state, folder / "killed", std::filesystem::copy_options::recursive);
    world.close();
  }
  world.write_ledger(folder / "ledger");
  return world.findings().empty() ? 0 : 1;
}

int look(const std::filesystem::path& state, const std::filesystem::path& ledger) {
  Words words;
  log::set_sink(&words);
  Sums sums;
  bool salvages = false;
  {
    const SystemClock clock;
    auto store = RocksMailStore::open(state, clock);
    if (!store && store.error().detail.contains("`mailwright store salvage`")) {
      std::cout << "refused: " << describe(store.error()) << '\n';
      const auto salvaged = salvage_store(state, clock, {});
      if (!salvaged) std::cout << "is not salvaged: " << describe(salvaged.error()) << '\n';
      if (salvaged) store = RocksMailStore::open(state, clock);
      salvages = salvaged.has_value();
    }
    if (!store) {
      std::cout << "does not open: " << describe(store.error()) << '\n';
      log::set_sink(nullptr);
      return 4;
    }
    const auto report = run((*store)->check());
    if (!report) words.add(describe(report.error()));
    if (report) {
      sums.damage = report->damage.size();
      for (const Damage& one : report->damage) words.add(concat(one.what, ": ", one.why));
    }
    std::ifstream rows(ledger);
    look_at(**store, rows, words, sums);
  }
  log::set_sink(nullptr);
  std::cout << sums.whole << " whole, " << sums.named << " lost and named, " << sums.unnamed
            << " lost in silence, " << sums.altered << " altered, " << sums.damage << " damaged"
            << (salvages ? ", salvaged" : "") << '\n';
  return sums.unnamed + sums.altered > 0 ? 1 : 0;
}

}  // namespace mail::crash
