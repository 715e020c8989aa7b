// kill -9 at random moments of commits, outcomes and DSNs. The test starts itself as a second
// process that works on a store and says what was acknowledged; after each kill the store must
// hold every message in one whole state: waiting, or ended with all its notices, or told once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

constexpr const char* kDirectoryOfChild = "MAIL_TEST_KILL_DIRECTORY";
constexpr const char* kTestName = "QueueKill.EveryMessageIsInOneWholeStateWheneverTheProcessDies";
constexpr int kKills = 8;
constexpr int kWorkers = 3;
const WallTime kEver = WallTime::max() - Milliseconds(1);

QueueName queue_of(int worker) { return {"mx", concat("w", worker, ".test"), ""}; }

// One line for what was acknowledged; a pipe takes it whole.
void say(char what, MessageId id) {
  const std::string line = concat(what, id.to_string(), "\n");
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(1);
}

void end_and_tell(MailStore& store, const QueuedDelivery& waiting, std::mt19937& random) {
  const MessageId id = waiting.key.message;
  Outcome outcome = outcome_of(waiting.key);
  for (const auto& one : waiting.delivery.recipients) {
    const std::string& address = one.recipient.address;
    outcome.recipients.push_back(told(address, RecipientOutcome::Kind::bounced));
    outcome.recipients.back().notice = notice_about(address, record::NoticeKind::failed);
  }
  if (!run(store.settle({outcome}))) std::_Exit(1);
  say('s', id);
  if (random() % 2 == 0) return;
  Draft dsn = draft_for(store, some_content(1000));
  for (const DueNotice& due : run(store.notices(id)).value()) dsn.tells.push_back(due.key);
  if (!commit_one(store, std::move(dsn))) std::_Exit(1);
  say('t', id);
}

void work(MailStore& store, int worker) {
  std::mt19937 random(std::random_device{}());
  for (const QueuedDelivery& left : run(store.lease(queue_of(worker), {}, kEver, 1000)).value()) {
    end_and_tell(store, left, random);
  }
  for (;;) {
    std::vector<Recipient> recipients;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      recipients.emplace_back(concat("r", i, "@", queue_of(worker).domain));
    }
    say('c',
        commit_to(store, queue_of(worker), kTestStart, recipients, some_content(random() % 5000)));
    const auto waiting = run(store.lease(queue_of(worker), {}, kEver, 1)).value();
    end_and_tell(store, waiting.at(0), random);
  }
}

[[noreturn]] void live(const std::string& directory) {
  const SystemClock clock;
  const auto store = RocksMailStore::open(directory, clock).value();
  std::vector<std::thread> threads;
  for (int worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&store, worker] { work(*store, worker); });
  }
  for (;;) ::pause();
}

class Child {
 public:
  explicit Child(const std::filesystem::path& directory) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string filter = concat("--gtest_filter=", kTestName);
    std::string brief = "--gtest_brief=1";
    std::string where = concat(kDirectoryOfChild, "=", directory.string());
    std::array<char*, 4> arguments{filter.data(), filter.data(), brief.data(), nullptr};
    std::array<char*, 2> environment{where.data(), nullptr};
    EXPECT_EQ(::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, arguments.data(),
                            environment.data()),
              0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(process_, SIGKILL);
    EXPECT_EQ(::waitpid(process_, nullptr, 0), process_);
    ::fclose(output_);
  }
  void kill() const { ::kill(process_, SIGKILL); }
  // The next acknowledgement; nothing once it is dead and all was read.
  std::optional<std::pair<char, MessageId>> next() {
    std::array<char, 256> line{};
    while (std::fgets(line.data(), line.size(), output_) != nullptr) {
      const std::string_view text(line.data());
      if (text.size() != 18 || text.back() != '\n') continue;  // of the test framework
      const Result<MessageId> id = MessageId::parse(text.substr(1, 16));
      if (id) return std::pair(text[0], *id);
    }
    return std::nullopt;
  }

 private:
  pid_t process_ = -1;
  std::FILE* output_ = nullptr;
};

struct Sums {
  std::size_t told = 0;
  std::map<MessageId, char> states;  // c: waits, s: ended, t: told
};

// The state of each message that was ever received for a queue; anything between two is a failure.
Sums states_of(MailStore& store) {
  Sums sums;
  std::map<MessageId, std::vector<record::Event>> messages;
  EventSeq cursor{0};
  for (;;) {
    const auto page = run(store.events_after(cursor, 1000)).value();
    if (page.empty()) break;
    cursor = page.back().seq;
    for (const auto& row : page) messages[row.event.message].push_back(row.event);
  }
  for (const auto& [id, events] : messages) {
    const std::size_t recipients = events.at(0).recipients.size();
    if (events.at(0).recipients.at(0) == "jerry@yahoo.test") continue;  // a DSN
    const auto waiting = run(store.queued_of(id)).value();
    const std::size_t notices = run(store.notices(id)).value().size();
    const bool kept = run(store.envelope(id)).has_value();
    if (waiting.size() == 1 && waiting[0].delivery.recipients.size() == recipients &&
        notices == 0 && events.size() == 1 && kept) {
      sums.states[id] = 'c';
    } else if (waiting.empty() && notices == recipients && events.size() == 1 + recipients &&
               kept) {
      sums.states[id] = 's';
    } else if (waiting.empty() && notices == 0 && events.size() == 1 + recipients && !kept) {
      sums.states[id] = 't';
      ++sums.told;
    } else {
      ADD_FAILURE() << id.to_string() << " is in no whole state: " << waiting.size()
                    << " deliveries, " << notices << " notices, " << events.size() << " events";
    }
  }
  return sums;
}

TEST(QueueKill, EveryMessageIsInOneWholeStateWheneverTheProcessDies) {
  if (const char* directory = std::getenv(kDirectoryOfChild)) live(directory);
  constexpr std::string_view kOrder = "cst";
  const TestDirectory directory;
  std::mt19937 random(std::random_device{}());
  std::map<MessageId, char> acknowledged;
  for (int kill = 0; kill < kKills; ++kill) {
    Child child(directory.path());
    const unsigned acknowledgements = 20 + random() % 200;
    unsigned seen = 0;
    while (const auto ack = child.next()) {
      acknowledged[ack->second] = ack->first;
      if (++seen == acknowledgements) child.kill();
    }
    ASSERT_GE(seen, acknowledgements) << "it died of itself";

    const SystemClock clock;
    const auto store = RocksMailStore::open(directory.path(), clock).value();
    EXPECT_TRUE(store->missing().empty());
    const Sums sums = states_of(*store);
    for (const auto& [id, state] : acknowledged) {
      const auto found = sums.states.find(id);
      ASSERT_NE(found, sums.states.end()) << id.to_string() << " is lost";
      EXPECT_GE(kOrder.find(found->second), kOrder.find(state)) << id.to_string();
    }
    std::size_t dsns = 0;
    for (const auto& box : run(store->mailboxes(AccountId{1})).value()) dsns += box.messages;
    EXPECT_EQ(dsns, sums.told) << "each is told once";
    expect_consistent(*store);
  }
}

}  // namespace
}  // namespace mail
