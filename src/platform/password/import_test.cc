#include <gtest/gtest.h>

#include "platform/password/password.h"

namespace mail::password {
namespace {

// All of "mouse hole", made by crypt(3) and libargon2 themselves.
constexpr const char* kMd5 = "$1$saltsalt$vYpDUFLTg3QkWFbgVmlOI1";
constexpr const char* kSha256 =
    "$5$rounds=5000$saltstring$iHC.DoO/HXGvxBbAh2WKYClBh1YgD//872sn.M2P12C";
constexpr const char* kSha512 =
    "$6$saltstring$dIgdmRFoldW1MgMkxsjZ4Ybo7DsiYjb4d2NINkFEWx2X9PuenRHGcEvCYgebVJJnkJ.ucNJLQKwPGmUj"
    "ilshB1";
constexpr const char* kBlowfish = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.jRId12i/HyU56PODjHV65K3pDZKm7JO";
constexpr const char* kYescrypt =
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$a6xxCv5pN..suFwV3zRV8F6m6VRqlEHK8Y95rNDG1eC";
constexpr const char* kArgon2id =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$gD4tDx2lbw6dhihTNvaQohV8rrawibJn98w7J3q3THo";
constexpr const char* kArgon2i =
    "$argon2i$v=19$m=256,t=3,p=2$c29tZXNhbHQ$rlyhvU+M6z4sOGyov1bnj2lBY0borjHDm3/EezbgBV8";

void expect_refused(const std::string& text, std::string_view sentence) {
  const Result<std::string> imported = import_hash(text);
  ASSERT_FALSE(imported) << text;
  EXPECT_EQ(imported.error().code, Errc::invalid_argument) << text;
  EXPECT_NE(imported.error().detail.find(sentence), std::string::npos)
      << text << ": " << imported.error().detail;
}

TEST(ImportHash, TakesTheSchemesOfDovecotAndPostfixAndTheirPasswordMatches) {
  const std::initializer_list<std::pair<std::string, const char*>> hashes = {
      {"{CRYPT}", kMd5},
      {"{CRYPT}", kSha512},
      {"{crypt}", kBlowfish},
      {"{CRYPT}", kYescrypt},
      {"{BLF-CRYPT}", kBlowfish},
      {"{SHA256-CRYPT}", kSha256},
      {"{SHA512-CRYPT}", kSha512},
      {"{MD5-CRYPT}", kMd5},
      {"{ARGON2ID}", kArgon2id},
      {"{Argon2i}", kArgon2i},
      {"", kSha512},
      {"", kArgon2id},
      {"", kYescrypt}};
  for (const auto& [scheme, hash] : hashes) {
    const Result<std::string> stored = import_hash(scheme + hash);
    ASSERT_TRUE(stored) << scheme << hash << ": " << describe(stored.error());
    EXPECT_EQ(*stored, hash) << scheme;
    EXPECT_TRUE(matches("mouse hole", *stored)) << scheme;
    EXPECT_FALSE(matches("mouse holf", *stored)) << scheme;
    EXPECT_FALSE(matches("", *stored)) << scheme;
    EXPECT_FALSE(matches(std::string("mouse hole\0", 11), *stored)) << scheme;
    EXPECT_EQ(is_current(*stored), hash == kYescrypt) << scheme;
  }
}

TEST(ImportHash, APasswordInTheClearIsRefused) {
  for (const char* scheme : {"{PLAIN}", "{plain}", "{CLEAR}", "{CLEARTEXT}"}) {
    expect_refused(std::string(scheme) + "mouse hole", "with --password-stdin");
  }
  expect_refused("mouse hole", "no hash");
  expect_refused("thirteenchars", "no hash");
  expect_refused("", "no hash");
}

TEST(ImportHash, AnUnknownSchemeIsRefusedWithThoseThatAreKnown) {
  for (const char* text :
       {"{SSHA}abc", "{SHA512-CRYPT.HEX}abc", "{PBKDF2}$1$x", "{}x", "{NTLM}x"}) {
    expect_refused(text, "not known here. Known are {CRYPT}, {BLF-CRYPT}");
  }
  expect_refused("{SSHA512}abc", "{SSHA512} is not known");
  expect_refused("{SHA512-CRYPT", "no scheme");
  for (const char* hash : {"$3$$8846f7eaee8fb117ad06bdd830b7586c", "$sha1$4$salt$x", "$9$x", "*"}) {
    expect_refused(std::string("{CRYPT}") + hash, "no hash of a method known here");
  }
  expect_refused("{DES-CRYPT}abcK1P4Hns0FY", "{DES-CRYPT} is not known");
  expect_refused("{CRYPT}abcK1P4Hns0FY", "no hash of a method known here");
  EXPECT_EQ(import_hash("{my secret}x").error().detail.find("secret"), std::string::npos);
}

TEST(ImportHash, ASchemeMustFitItsHash) {
  for (const char* text : {"{SHA512-CRYPT}$5$saltstring$x", "{BLF-CRYPT}$1$saltsalt$x",
                           "{ARGON2ID}$argon2i$v=19$m=256,t=3,p=2$x$y", "{ARGON2ID}$6$x$y"}) {
    expect_refused(text, "not of one kind");
  }
  expect_refused(std::string("{CRYPT}") + kArgon2id, "not of one kind");
}

TEST(ImportHash, OneThatIsCutOffOrDamagedIsRefused) {
  for (const std::string whole :
       {kMd5, kSha256, kSha512, kBlowfish, kYescrypt, kArgon2id, kArgon2i}) {
    expect_refused(whole.substr(0, whole.size() - 3), "damaged or cut off");
    expect_refused(whole + ":0:0", "damaged or cut off");
    expect_refused(whole + '\0', "damaged or cut off");
    expect_refused(whole + "\xC3\xA9", "damaged or cut off");
  }
}

// A login must not be able to stop all others.
TEST(ImportHash, OneThatCostsTooMuchIsRefusedWithoutPayingForIt) {
  for (const char* text :
       {"$2y$31$CCCCCCCCCCCCCCCCCCCCC.jRId12i/HyU56PODjHV65K3pDZKm7JO",
        "$6$rounds=999999999$saltstring$x", "$6$rounds=99999999999$saltstring$x",
        "$5$rounds=1000001$saltstring$x", "$y$jFT$F5Jx5fExrKuPp53xLKQ..1$x", "$y$j9U$F5Jx$x",
        "$y$j9T3$F5Jx$x", "$y$", "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$x",
        "$argon2id$v=19$m=256,t=4000000000,p=1$c29tZXNhbHQ$x",
        "$argon2i$v=19$m=256,t=2,p=255$c29tZXNhbHQ$x", "$argon2id$"}) {
    expect_refused(text, "more work than a login may cost");
  }
}

}  // namespace
}  // namespace mail::password
