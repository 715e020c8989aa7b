// A mail store and a control store on a disk that may lose its power or fail, the people who use
// them, and a ledger of what these were promised. After each return of the power the stores open
// unaided and are compared with the ledger: a message may be ahead of what was acknowledged by what
// was under way, and nothing else.
// Workers are threads, each with a queue, a mailbox and messages of its own.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "disk.h"
#include "service/directory/control_store.h"
#include "service/store/rocks_mail_store.h"

namespace mail::crash {

// How far a message got, in order.
enum class Stage : std::uint8_t { begun, kept, ended, told };

struct Message {
  MessageId id;
  std::uint64_t seed = 0;  // of its content
  std::size_t size = 0;
  bool boxed = false;   // goes into the worker's mailbox
  bool queued = false;  // and, or, into the worker's queue
  std::size_t recipients = 1;
  bool bounces = false;  // ended with notices
  Stage promised = Stage::begun;
  Stage tried = Stage::begun;
  std::uint32_t attempts_promised = 0;
  std::uint32_t attempts_tried = 0;
  bool removal_promised = false;
  bool removal_tried = false;
  std::optional<std::size_t> tells;  // a DSN: which message of the worker it is about
};

class World {
 public:
  static constexpr std::size_t kWorkers = 3;

  World(Disk& disk, std::uint64_t seed);
  ~World();

  // False: it failed, why() says why. Where the disk is well, that is a finding.
  bool open(bool with_control = true);
  void close();
  // Until the power is gone, `stop` says so, or each has made `steps` steps.
  void work(std::size_t steps, const std::function<bool()>& stop);
  void write_ledger(const std::filesystem::path& file) const;
  void verify();  // the ledger then holds what is there

  bool healthy() const { return store_ && store_->healthy() && !store_->storage_low(); }
  bool commit_one();                 // whether a message is taken now
  std::size_t acknowledged() const;  // since the world began
  std::size_t refused() const;
  const std::string& why() const { return why_; }
  const std::vector<std::string>& findings() const { return findings_; }
  // Errors are expected, and only their kind is looked at: faults of the disk.
  void expect_errors() { errors_expected_ = true; }
  // Now and then hardly any is left, as others come and go: also where the stores open.
  void little_space() { little_space_ = true; }
  void single() { workers_ = 1; }
  void jump_clock();

 private:
  struct Worker {
    std::size_t number = 0;
    Dice dice;
    std::vector<Message> messages;
    std::vector<std::string> domains_promised;  // the first one's only
    std::set<std::string> domains_tried;
    std::size_t next_domain = 0;
    std::size_t acknowledged = 0;
    std::size_t refused = 0;
  };

  void step(Worker& worker);
  void keep_new(Worker& worker);
  void settle_one(Worker& worker);
  void tell_one(Worker& worker);
  void remove_one(Worker& worker);
  void drop_one(Worker& worker);
  void add_domain(Worker& worker);
  Message& begin_message(Worker& worker, std::size_t size);
  bool stage(Worker& worker, Draft& draft, const std::string& content);
  Draft draft_of(const Worker& worker, const Message& message);
  bool accepted(Worker& worker, const Result<void>& result, const std::function<void()>& note);
  template <typename T>
  bool usable(const Result<T>& result);
  void verify_one(Worker& worker, Message& message,
                  const std::map<MessageId, std::vector<record::MailboxEntry>>& entries);
  void verify_queue(Message& message, std::size_t notices);
  void verify_sums();
  void verify_control(Worker& worker);
  std::map<MessageId, std::vector<record::MailboxEntry>> entries_of(Worker& worker);
  void found(std::string what);

  Disk& disk_;
  Dice dice_;
  ManualClock clock_;
  std::vector<Worker> all_;
  std::size_t workers_ = kWorkers;
  std::unique_ptr<RocksMailStore> store_;
  std::unique_ptr<ControlStore> control_;
  std::mutex mutex_;  // of what follows
  std::set<MessageId> ids_;
  std::vector<std::string> findings_;
  std::string why_;
  bool errors_expected_ = false;
  bool little_space_ = false;
};

std::string content_of(std::uint64_t seed, std::size_t size);

}  // namespace mail::crash
