// Tests only: senders over real sockets, against servers that play a script.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/tls/self_signed.h"
#include "service/outbound/sender.h"
#include "service/outbound/test_hop.h"
#include "service/store/model_mail_store.h"

namespace mail {

using namespace std::chrono_literals;

inline const std::string kContent = "Subject: hi\r\n\r\n.dot\r\n";

class SenderTest : public testing::Test {
 protected:
  SenderTest() {
    settings_.hostname = "gmail.test";
    settings_.dial = {.source = "", .patience = 10s, .head_start = 50ms};
    route_.kind = Route::Kind::smtp;
    char pattern[] = "/tmp/mailwright-outbound-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  ~SenderTest() override {
    sender_.reset();
    for (auto& thread : threads_) thread.stop();
    for (auto& thread : threads_) thread.join();
    std::filesystem::remove_all(folder_);
  }
  Sender& sender() {
    if (sender_ != nullptr) return *sender_;
    threads_[0].start("io0");
    threads_[1].start("io1");
    auto made = Sender::make({&threads_[0], &threads_[1]}, store_, clock_, events_, settings_);
    EXPECT_TRUE(made) << describe(made.error());
    sender_ = std::move(*made);
    return *sender_;
  }
  std::shared_ptr<const Destination> to(std::vector<HopHost> hosts, std::uint16_t port) {
    route_.port = port;
    return std::make_shared<const Destination>(
        Destination{std::make_shared<const Route>(route_), std::move(hosts), "yahoo.test"});
  }
  std::shared_ptr<const Destination> to(const TestHop& hop) {
    return to({host("mx.yahoo.test", {"127.0.0.1"})}, hop.port());
  }
  static HopHost host(std::string name, std::vector<std::string> addresses, bool secure = false) {
    HopHost out{std::move(name), {}, secure};
    for (const std::string& each : addresses) out.addresses.push_back(*IpAddress::parse(each));
    return out;
  }
  static Parcel parcel(std::uint32_t number = 1, std::string content = kContent) {
    Parcel out;
    out.key.number = number;
    out.key.message = MessageId::make(1, 1, number);
    out.reverse_path = "tom@gmail.test";
    out.recipients = {"jerry@yahoo.test"};
    out.size = content.size();
    out.content = std::make_shared<const std::string>(std::move(content));
    return out;
  }
  static Parcel of_domain(std::string domain, std::vector<Recipient> recipients,
                          std::uint32_t message = 1) {
    Parcel out = parcel(message);
    out.key.queue.domain = std::move(domain);
    out.recipients = std::move(recipients);
    return out;
  }
  static Parcel stored(std::string content) {
    Parcel out = parcel(1, "");
    out.content = nullptr;
    out.size = content.size();
    out.body = record::InlineBody{std::move(content)};
    return out;
  }
  // Sends the parcels as one job and waits for its end.
  TestEvents::Done send(std::shared_ptr<const Destination> destination,
                        std::vector<Parcel> parcels) {
    sender().send({7, 0, std::move(destination), std::move(parcels)});
    return events_.wait_done(++jobs_);
  }
  Attempt attempt(std::size_t index = 0) {
    const auto all = events_.attempts();
    EXPECT_GT(all.size(), index);
    return index < all.size() ? all[index] : Attempt{};
  }
  smtp::Verdict verdict(std::size_t index = 0) {
    const Attempt one = attempt(index);
    return one.recipients.empty() ? smtp::Verdict{} : one.recipients.front();
  }
  // A certificate of our own, which the senders trust.
  std::shared_ptr<const tls::ServerContext> certificate_for(const std::string& name) {
    const auto pair = tls::make_self_signed(name).value();
    settings_.ca_file = folder_ / "ca.pem";
    std::ofstream(settings_.ca_file) << pair.certificate;
    return *tls::ServerContext::from_pem(pair, tls::Suites::aead, "hop");
  }

  SystemClock clock_;
  ModelMailStore store_{clock_};
  TestEvents events_;
  SenderSettings settings_;
  Route route_;
  std::filesystem::path folder_;
  net::IoThread threads_[2] = {net::IoThread(clock_), net::IoThread(clock_)};
  std::unique_ptr<Sender> sender_;
  std::size_t jobs_ = 0;
};

}  // namespace mail
