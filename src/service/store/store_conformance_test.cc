#include "service/store/store_conformance.h"

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

INSTANTIATE_TYPED_TEST_SUITE_P(Model, StoreConformance, ModelMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, StoreConformance, RocksMaker);

}  // namespace
}  // namespace mail
