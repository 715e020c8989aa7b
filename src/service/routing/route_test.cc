#include "service/routing/route.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

std::shared_ptr<const Route> to(std::string where) {
  Route route;
  route.kind = Route::Kind::smtp;
  route.to = std::move(where);
  return std::make_shared<const Route>(std::move(route));
}

TEST(Routes, EverythingGoesByMxUntilSomethingElseIsSaid) {
  EXPECT_EQ(Routes().find("yahoo.test", "gmail.test")->kind, Route::Kind::mx);
}

TEST(Routes, TheRecipientsDomainCountsBeforeTheSendersAndTheDefaultLast) {
  const Routes routes({{"yahoo.test", to("a")}, {"*", to("c")}}, {{"gmail.test", to("b")}});
  EXPECT_EQ(routes.find("YAHOO.test", "gmail.test")->to, "a");
  EXPECT_EQ(routes.find("other.test", "Gmail.test")->to, "b");
  EXPECT_EQ(routes.find("other.test", "")->to, "c");
}

TEST(Routes, WithoutADefaultTheRestGoesByMx) {
  const Routes routes({{"yahoo.test", to("a")}}, {});
  EXPECT_EQ(routes.find("other.test", "gmail.test")->to, "mx");
}

}  // namespace
}  // namespace mail
