#include "service/store/store_conformance.h"

#include <random>

#include "service/store/model_mail_store.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

class ModelMaker {
 public:
  ManualClock& clock() { return clock_; }
  MailStore& store() { return store_; }

 private:
  ManualClock clock_{kTestStart};
  ModelMailStore store_{clock_};
};

class RocksMaker {
 public:
  RocksMaker() : store_(RocksMailStore::open(directory_.path(), clock_).value()) {}
  ManualClock& clock() { return clock_; }
  MailStore& store() { return *store_; }

 private:
  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::unique_ptr<RocksMailStore> store_;
};

// Everything a client of the store can see, as text.
std::string picture(MailStore& store) {
  std::string text;
  const Counters c = store.counters();
  append(text, c.messages, ' ', c.accepted, ' ', c.delivered, ' ', c.held, ' ', c.queued, ' ',
         c.discarded, '\n');
  for (const auto& envelope : run(store.messages({.before = {}, .limit = 100'000})).value()) {
    record::append_envelope(text, envelope);
    if (envelope.references > 0) text += whole_body(store, envelope.body);
  }
  for (const auto& event : run(store.events_after(EventSeq{0}, 100'000)).value()) {
    append(text, event.seq.value);
    record::append_event(text, event.event);
  }
  for (std::uint64_t account = 1; account <= 3; ++account) {
    append(text, store.mailbox_bytes(AccountId{account}), '\n');
    for (const auto& box : run(store.mailboxes(AccountId{account})).value()) {
      record::append_mailbox(text, box);
      for (const auto& entry : run(store.entries(box.id, Uid{0}, 100'000)).value()) {
        record::append_entry(text, entry);
      }
    }
  }
  for (const auto& held : run(store.held(100'000)).value()) record::append_pending(text, held);
  return text;
}

Target random_target(std::mt19937& random) {
  const AccountId account{1 + random() % 3};
  switch (random() % 8) {
    case 0:
      return Held{"why"};
    case 1:
      return Discarded{"why"};
    case 2:
      return ToRoute{"mx", "else.test", "lane", kTestStart};
    case 3:
      return ToMailbox{account, "Junk"};
    default:
      return ToMailbox{account};
  }
}

// One step of a random history; the same for the same state of `random` and of the store.
std::string step(MailStore& store, std::mt19937 random) {
  const unsigned what = random() % 10;
  if (what == 0) {
    return run(store.remove_account(AccountId{1 + random() % 3})) ? "removed" : "failed";
  }
  if (what <= 3) {
    const auto boxes = run(store.mailboxes(AccountId{1 + random() % 3})).value();
    if (boxes.empty()) return "no mailbox";
    std::vector<Uid> uids(1 + random() % 3);
    for (Uid& uid : uids) uid.value = boxes[0].uid_next.value - random() % 6;
    const auto removed = run(store.remove_entries(boxes[0].id, uids));
    return removed ? "removed" : describe(removed.error());
  }
  Draft draft = new_draft(store, some_content(random() % 3000, random()));
  const unsigned recipients = 1 + random() % 4;
  for (unsigned i = 0; i < recipients; ++i) {
    add_recipient(draft, concat("r", i, "@yahoo.test"), random_target(random));
  }
  for (unsigned chunks = random() % 6; chunks > 3; --chunks) {
    ++draft.staged_chunks;
    if (!run(store.stage(draft.id, draft.staged_chunks, some_content(random() % 5000)))) return "?";
  }
  return commit_one(store, std::move(draft)) ? "kept" : "failed";
}

TEST(StoreModel, BothStoresShowTheSameAfterTheSameRandomHistory) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    ModelMaker model;
    RocksMaker rocks;
    for (int i = 0; i < 60; ++i) {
      const std::mt19937 random(seed * 1000 + static_cast<unsigned>(i));
      ASSERT_EQ(step(rocks.store(), random), step(model.store(), random)) << "seed " << seed;
    }
    EXPECT_EQ(picture(rocks.store()), picture(model.store())) << "seed " << seed;
    expect_consistent(rocks.store());
    expect_consistent(model.store());
  }
}

INSTANTIATE_TYPED_TEST_SUITE_P(Model, StoreConformance, ModelMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, StoreConformance, RocksMaker);

}  // namespace
}  // namespace mail
