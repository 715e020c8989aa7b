#include "daemon/ctl/control_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>

#include "base/random.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "daemon/ctl/control_client.h"
#include "platform/net/connect.h"
#include "service/spool/placer.h"
#include "service/store/model_mail_store.h"

namespace mail::ctl {
namespace {

// Carries nothing and tells nobody.
struct Nobody final : Courier, NoticePolicy {
  void send(Job) override {}
  std::optional<record::Notice> decide(record::Notice, const Recipient&,
                                       const MailOptions&) override {
    return std::nullopt;
  }
  void due(const std::vector<MessageId>&) override {}
};

std::filesystem::path make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "mail-ctl-XXXXXX").native();
  return ::mkdtemp(pattern.data());
}

std::filesystem::path long_path(const std::filesystem::path& top) {
  // Longer than sun_path, as a state folder may be.
  std::filesystem::path folder = top / std::string(60, 'a') / std::string(60, 'b');
  std::filesystem::create_directories(folder);
  return folder;
}

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() {
    queue_.start(nobody_);
    start();
  }
  ~ControlServerTest() override {
    server_.reset();
    queue_.stop(Milliseconds{0});
    control_.reset();
    std::filesystem::remove_all(top_);
  }

  void start() {
    Admin admin{*control_,
                store_,
                pool_,
                clock_,
                [this] { return status_; },
                &queue_,
                [this] { return Outgoing{settings_, world_, dns_}; }};
    auto server = ControlServer::start(folder_ / kSocketName, std::move(admin));
    ASSERT_TRUE(server) << describe(server.error());
    server_ = std::move(*server);
  }

  struct Done {
    Exit exit = Exit::ok;
    std::string out;
    std::string error;
  };
  Done run(std::string noun, std::string verb,
           std::vector<std::pair<std::string, std::vector<std::string>>> values = {},
           bool json = false, std::string secret = "") {
    Done done;
    const Request request{
        std::move(noun), std::move(verb), std::move(values), json, std::move(secret), ""};
    const auto keep = [&done](std::string_view bytes) -> Result<void> {
      done.out += bytes;
      return {};
    };
    const Result<Answer> answer = call(folder_ / kSocketName, request, keep, clock_);
    EXPECT_TRUE(answer) << describe(answer.error());
    if (answer && !*answer) {
      done.exit = answer->error().exit;
      done.error = answer->error().text;
    }
    return done;
  }

  void deliver(AccountId account, std::string content) {
    Draft draft;
    draft.id = store_.next_id();
    draft.received_at = clock_.wall_now();
    draft.reverse_path = "tom@gmail.test";
    draft.recipients = {"jerry@yahoo.test"};
    draft.size = content.size();
    draft.header_size = static_cast<std::uint32_t>(content.find("\r\n\r\n") + 4);
    draft.content = std::move(content);
    draft.from = "Tom <tom@gmail.test>";
    draft.subject = "The cheese";
    draft.deliveries = {Delivery{ToMailbox{account, "INBOX"},
                                 {"jerry@yahoo.test"},
                                 "tom@gmail.test",
                                 "Return-Path: <tom@gmail.test>\r\n"}};
    record::Event received;
    received.message = draft.id;
    received.kind = record::EventKind::received;
    received.at = draft.received_at;
    received.recipients = {"jerry@yahoo.test"};
    draft.events = {received};
    id_ = draft.id.to_string();
    LoopExecutor loop;
    ASSERT_TRUE(block_on(loop, store_.commit(std::span(&draft, 1))));
  }
  void deliver_to_jerry(const std::string& content) {
    ASSERT_EQ(run("domain", "add", {{"NAME", {"yahoo.test"}}}).exit, Exit::ok);
    const Done added =
        run("account", "add", {{"ADDRESS", {"jerry@yahoo.test"}}}, false, "mouse hole");
    ASSERT_EQ(added.exit, Exit::ok) << added.error;
    deliver(control_->snapshot()->account("jerry@yahoo.test")->id, content);
  }

  // What the server answers to bytes that are no request, until it hangs up.
  std::string exchange(std::string bytes) {
    net::IoThread thread(clock_);
    return net::run_task(thread, send_and_read(thread, folder_ / kSocketName, std::move(bytes)));
  }
  static Task<std::string> send_and_read(net::IoThread& thread, std::filesystem::path socket,
                                         std::string bytes) {
    const MonoTime deadline = thread.clock().mono_now() + std::chrono::seconds(20);
    std::string found;
    Result<net::Stream> stream = co_await net::connect_unix(thread, socket, deadline);
    if (!stream) co_return describe(stream.error());
    // The server may hang up before it has read everything.
    const Result<void> sent = co_await stream->write_all(bytes, deadline);
    if (sent) stream->finish_writing();
    std::array<char, 4096> buffer{};
    while (co_await stream->readable(deadline)) {
      const Result<std::size_t> got = stream->read_some(buffer);
      if (!got) break;
      found.append(buffer.data(), *got);
    }
    co_return found;
  }

  // A message that is held for bob@away.test.
  void hold_one() {
    Draft draft;
    draft.id = store_.next_id();
    draft.received_at = clock_.wall_now();
    draft.reverse_path = "tom@gmail.test";
    draft.recipients = {"bob@away.test"};
    draft.content = "From: tom@gmail.test\r\n\r\nbody\r\n";
    draft.size = draft.content.size();
    draft.header_size = 24;
    draft.deliveries = {Delivery{Held{"odd"}, {"bob@away.test"}, "tom@gmail.test", ""}};
    record::Event received;
    received.message = draft.id;
    received.at = draft.received_at;
    received.recipients = {"bob@away.test"};
    draft.events = {received};
    id_ = draft.id.to_string();
    LoopExecutor loop;
    ASSERT_TRUE(block_on(loop, store_.commit(std::span(&draft, 1))));
  }

  const std::filesystem::path top_ = make_folder();
  const std::filesystem::path folder_ = long_path(top_);
  SystemClock clock_;
  ModelMailStore store_{clock_};
  WorkerPool pool_{1, 16};
  std::unique_ptr<ControlStore> control_ = ControlStore::open(folder_ / "control.db").value();
  dns::TableResolver dns_;
  std::shared_ptr<const mx::MxWorld> world_ = std::make_shared<const mx::MxWorld>();
  std::shared_ptr<const Settings> settings_ = std::make_shared<const Settings>();
  SystemRandom random_;
  SpoolPlacer placer_{*control_, settings_->routes};
  Nobody nobody_;
  Queue queue_{QueueParts{store_, dns_, placer_, nobody_, random_, clock_},
               QueueWorld{{}, settings_->routes, world_}};
  ServerStatus status_;
  std::string id_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, TheSocketIsForItsOwnerAlone) {
  struct stat found{};
  ASSERT_EQ(::stat((folder_ / kSocketName).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST_F(ControlServerTest, DomainsAccountsAndAliasesComeAndGo) {
  EXPECT_EQ(run("domain", "add", {{"NAME", {"Yahoo.test"}}}).exit, Exit::ok);
  EXPECT_EQ(run("domain", "add", {{"NAME", {"yahoo.test"}}}).exit, Exit::cannot_create);
  EXPECT_EQ(run("account", "add", {{"ADDRESS", {"jerry@yahoo.test"}}, {"--quota", {"1M"}}}, false,
                "mouse hole")
                .exit,
            Exit::ok);
  EXPECT_EQ(run("account", "add", {{"ADDRESS", {"x@yahoo.test"}}}).exit, Exit::bad_data)
      << "an empty password";
  EXPECT_EQ(
      run("alias", "add", {{"ADDRESS", {"info@yahoo.test"}}, {"MEMBER", {"jerry@yahoo.test"}}})
          .exit,
      Exit::ok);
  EXPECT_EQ(run("domain", "list", {}, true).out,
            "[\n{\"name\":\"yahoo.test\",\"owner\":\"jerry@yahoo.test\",\"accounts\":1}\n]\n");
  EXPECT_EQ(run("account", "list", {}, true).out,
            "[\n{\"address\":\"jerry@yahoo.test\",\"disabled\":false,\"quota\":1048576,\"bytes\":0,"
            "\"scram\":true,\"cram_md5\":false,\"app_passwords\":0,\"send_as\":[]}\n]\n");
  EXPECT_EQ(run("alias", "list", {}, true).out,
            "[\n{\"address\":\"info@yahoo.test\",\"members\":[\"jerry@yahoo.test\"],"
            "\"list\":false,\"owner\":null}\n]\n");
  EXPECT_EQ(run("account", "disable", {{"ADDRESS", {"jerry@yahoo.test"}}}).exit, Exit::ok);
  EXPECT_TRUE(control_->snapshot()->account("jerry@yahoo.test")->disabled);
  EXPECT_EQ(run("account", "enable", {{"ADDRESS", {"jerry@yahoo.test"}}}).exit, Exit::ok);
  EXPECT_EQ(run("alias", "remove", {{"ADDRESS", {"info@yahoo.test"}}}).exit, Exit::ok);
  EXPECT_EQ(run("domain", "remove", {{"NAME", {"yahoo.test"}}, {"--with-accounts", {""}}}).exit,
            Exit::ok);
  EXPECT_EQ(run("account", "list", {}, true).out, "[]\n");
}

TEST_F(ControlServerTest, SendersAreGrantedAndTakenBack) {
  ASSERT_EQ(run("domain", "add", {{"NAME", {"yahoo.test"}}}).exit, Exit::ok);
  const std::vector<std::string> jerry = {"jerry@yahoo.test"};
  ASSERT_EQ(run("account", "add", {{"ADDRESS", jerry}, {"--send-as", {"Team@yahoo.test"}}}, false,
                "mouse hole")
                .exit,
            Exit::ok);
  ASSERT_EQ(
      run("account", "grant", {{"ADDRESS", jerry}, {"PATTERN", {"*@gmail.test", "a@b.test"}}}).exit,
      Exit::ok);
  EXPECT_NE(run("account", "list", {}, true)
                .out.find("\"send_as\":[\"*@gmail.test\",\"a@b.test\",\"team@yahoo.test\"]"),
            std::string::npos);
  EXPECT_EQ(run("account", "revoke", {{"ADDRESS", jerry}, {"PATTERN", {"a@b.test"}}}).exit,
            Exit::ok);
  EXPECT_EQ(run("account", "revoke", {{"ADDRESS", jerry}, {"PATTERN", {"a@b.test"}}}).exit,
            Exit::no_user);
  EXPECT_EQ(run("account", "grant", {{"ADDRESS", jerry}, {"PATTERN", {"a*@b.test"}}}).exit,
            Exit::bad_data);
}

TEST_F(ControlServerTest, RefusalsCarryTheExitCodeAndASentence) {
  const Done bad = run("domain", "add", {{"NAME", {"-bad-"}}});
  EXPECT_EQ(bad.exit, Exit::bad_data);
  EXPECT_NE(bad.error.find("-bad-"), std::string::npos);
  const Done nobody = run("mailbox", "list", {{"ADDRESS", {"nobody@yahoo.test"}}});
  EXPECT_EQ(nobody.exit, Exit::no_user);
  EXPECT_NE(nobody.error.find("account list"), std::string::npos);
  EXPECT_EQ(run("message", "show", {{"ID", {"short"}}}).exit, Exit::bad_data);
  EXPECT_EQ(run("message", "show", {{"ID", {"0000000000000000"}}}).exit, Exit::no_input);
  EXPECT_EQ(run("no", "such").exit, Exit::usage);
}

TEST_F(ControlServerTest, RawPrintsTheStoredBytesAndNothingElse) {
  std::string content = "Subject: The cheese\r\n\r\n";
  for (int i = 0; i < 300'000; ++i) content += static_cast<char>(i * 7);  // more than one frame
  deliver_to_jerry(content);
  EXPECT_EQ(
      run("mailbox", "show", {{"ADDRESS", {"jerry@yahoo.test"}}, {"UID", {"1"}}, {"--raw", {""}}})
          .out,
      "Return-Path: <tom@gmail.test>\r\n" + content);
  EXPECT_EQ(run("message", "raw", {{"ID", {id_}}}).out, content);
}

TEST_F(ControlServerTest, AMailboxIsListedShownAndEmptied) {
  deliver_to_jerry("From: Tom <tom@gmail.test>\r\nSubject: The cheese\r\n\r\nis gone.\r\n");
  const Result<json::Value> rows =
      json::parse(run("mailbox", "list", {{"ADDRESS", {"jerry@yahoo.test"}}}, true).out);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->array()->size(), 1U);
  const json::Value& row = rows->array()->front();
  EXPECT_EQ(*row.find("uid")->integer(), 1);
  EXPECT_EQ(row.text_or("subject", ""), "The cheese");
  EXPECT_EQ(row.text_or("message", ""), id_);
  EXPECT_NE(run("mailbox", "list", {{"ADDRESS", {"jerry@yahoo.test"}}}).out.find("The cheese"),
            std::string::npos);
  EXPECT_NE(run("mailbox", "show", {{"ADDRESS", {"jerry@yahoo.test"}}, {"UID", {"1"}}})
                .out.find("\n\nReturn-Path: <tom@gmail.test>\nFrom: Tom"),
            std::string::npos);
  EXPECT_EQ(run("mailbox", "show", {{"ADDRESS", {"jerry@yahoo.test"}}, {"UID", {"2"}}}).exit,
            Exit::no_input);
  EXPECT_EQ(run("mailbox", "show", {{"ADDRESS", {"jerry@yahoo.test"}}, {"UID", {"x"}}}).exit,
            Exit::bad_data);
  EXPECT_EQ(run("mailbox", "delete", {{"ADDRESS", {"jerry@yahoo.test"}}, {"UID", {"1"}}}).exit,
            Exit::ok);
  EXPECT_EQ(run("mailbox", "list", {{"ADDRESS", {"jerry@yahoo.test"}}}, true).out, "[]\n");
}

TEST_F(ControlServerTest, ATimelineTellsWhatHappened) {
  deliver_to_jerry("Subject: x\r\n\r\ny\r\n");
  const std::string trace = run("message", "trace", {{"ID", {id_}}}).out;
  EXPECT_LT(trace.find("received"), trace.find("delivered")) << trace;
  EXPECT_NE(trace.find("jerry@yahoo.test"), std::string::npos);
  EXPECT_NE(run("message", "show", {{"ID", {id_}}}).out.find("delivered"), std::string::npos);
  const Result<json::Value> events = json::parse(run("message", "events", {}, true).out);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->array()->size(), 2U);
  EXPECT_EQ(events->array()->at(1).text_or("kind", ""), "delivered");
  const std::string first = concat(*events->array()->at(0).find("seq")->integer());
  const Result<json::Value> later =
      json::parse(run("message", "events", {{"--after", {first}}}, true).out);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->array()->size(), 1U);
}

TEST_F(ControlServerTest, StatusHasTheSums) {
  status_.version = "1.2.3";
  status_.counters.accepted = status_.counters.delivered = 5;
  status_.listeners = {{"127.0.0.1:25", "mx", "starttls"}};
  const Result<json::Value> status = json::parse(run("status", "", {}, true).out);
  ASSERT_TRUE(status);
  EXPECT_EQ(*status->find("sums")->find("accepted")->integer(), 5);
  EXPECT_EQ(*status->find("sums")->find("queued")->integer(), 0);
  const std::string text = run("status", "").out;
  EXPECT_NE(text.find("accepted 5 = delivered 5 + bounced 0"), std::string::npos) << text;
  EXPECT_NE(text.find("127.0.0.1:25  mx    starttls"), std::string::npos) << text;
}

TEST_F(ControlServerTest, WhatWaitsIsListedAndSteered) {
  EXPECT_EQ(run("queue", "list").out, "Nothing waits.\n");
  hold_one();
  const Result<json::Value> rows = json::parse(run("queue", "list", {}, true).out);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->array()->size(), 1U);
  const json::Value& row = rows->array()->front();
  EXPECT_EQ(row.text_or("id", ""), id_);
  EXPECT_EQ(row.text_or("sender", ""), "tom@gmail.test");
  EXPECT_EQ(row.text_or("state", ""), "held");
  EXPECT_EQ(row.text_or("reason", ""), "odd");
  EXPECT_TRUE(row.find("next_try")->is_null());
  const std::string shown = run("queue", "show", {{"ID", {id_}}}).out;
  EXPECT_NE(shown.find("To        bob@away.test\n"), std::string::npos) << shown;
  EXPECT_NE(run("message", "show", {{"ID", {id_}}}).out.find("odd"), std::string::npos);
  const Done bounced = run("queue", "bounce", {{"--domain", {"Away.test"}}});
  EXPECT_EQ(bounced.exit, Exit::ok) << bounced.error;
  EXPECT_EQ(bounced.out, "1 delivery given back to the sender.\n");
  EXPECT_EQ(store_.counters().bounced, 1);
}

TEST_F(ControlServerTest, NothingIsSteeredByAccident) {
  hold_one();
  for (const char* verb : {"retry", "hold", "release", "bounce"}) {
    const Done done = run("queue", verb);
    EXPECT_EQ(done.exit, Exit::usage) << verb;
    EXPECT_NE(done.error.find("--all"), std::string::npos) << done.error;
  }
  EXPECT_EQ(run("queue", "release", {{"ID", {"nonsense"}}}).exit, Exit::bad_data);
  EXPECT_EQ(run("queue", "bounce", {{"--sender", {"jerry@yahoo.test"}}}).exit, Exit::no_input);
  EXPECT_EQ(store_.counters().held, 1);
}

TEST_F(ControlServerTest, ExplainShowsHostsInTheirOrderAndWhatWouldHappen) {
  dns_.mx("away.test", 20, "mx2.away.test").mx("away.test", 10, "mx1.away.test");
  dns_.a("mx1.away.test", "203.0.113.1").a("mx2.away.test", "203.0.113.2");
  const std::vector<std::pair<std::string, std::vector<std::string>>> to_bob = {
      {"FROM", {"tom@gmail.test"}}, {"TO", {"bob@away.test"}}};
  const Result<json::Value> answer = json::parse(run("explain", "", to_bob, true).out);
  ASSERT_TRUE(answer);
  const json::Value& way = answer->find("ways")->array()->front();
  EXPECT_EQ(way.text_or("route", ""), "mx");
  const json::Array& hosts = *way.find("hosts")->array();
  ASSERT_EQ(hosts.size(), 2U);
  EXPECT_EQ(hosts[0].text_or("name", ""), "mx1.away.test");
  EXPECT_EQ(*hosts[1].find("preference")->integer(), 20);
  const std::string text = run("explain", "", to_bob).out;
  EXPECT_NE(text.find("It would be sent to mx1.away.test"), std::string::npos) << text;
  EXPECT_NE(text.find("not secured by DNSSEC"), std::string::npos) << text;
  dns_.mx("null.test", 0, ".");
  const std::string refused = run("explain", "", {{"FROM", {"<>"}}, {"TO", {"bob@null.test"}}}).out;
  EXPECT_NE(refused.find("It would come back with 5.1.10"), std::string::npos) << refused;
}

TEST_F(ControlServerTest, BadInputEndsItsConnectionAndNothingElse) {
  for (const std::string& bad :
       {std::string("\n"), std::string("GET / HTTP/1.1\r\n\r\n"), std::string("{\"noun\":\n"),
        std::string(2000, '[') + '\n', std::string("\0\xFF\n", 3)}) {
    EXPECT_NE(exchange(bad).find("\"ok\":false"), std::string::npos) << bad;
  }
  EXPECT_EQ(exchange(std::string(kMaxRequestLine + 5000, 'x')), "");  // no line at all
  EXPECT_EQ(exchange("half a line"), "");
  EXPECT_EQ(exchange(""), "");
  EXPECT_EQ(run("status", "").exit, Exit::ok);
}

TEST_F(ControlServerTest, WithoutAServerTheCallSaysSo) {
  server_.reset();
  const auto nothing = [](std::string_view) -> Result<void> { return {}; };
  const Result<Answer> answer = call(folder_ / kSocketName, Request{}, nothing, clock_);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().code == Errc::not_found || answer.error().code == Errc::unavailable)
      << describe(answer.error());
}

TEST_F(ControlServerTest, StoppingHangsUpOnWhoSaysNothing) {
  net::IoThread thread(clock_);
  const MonoTime deadline = clock_.mono_now() + std::chrono::seconds(20);
  Result<net::Stream> idle =
      net::run_task(thread, net::connect_unix(thread, folder_ / kSocketName, deadline));
  ASSERT_TRUE(idle);
  server_.reset();  // must not wait for the idle client
  const Result<void> end = net::run_task(thread, idle->readable(deadline));
  std::array<char, 10> buffer{};
  EXPECT_TRUE(!end || !idle->read_some(buffer));
}

}  // namespace
}  // namespace mail::ctl
