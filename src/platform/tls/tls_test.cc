#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "platform/net/connect.h"
#include "platform/net/listener.h"
#include "platform/tls/context.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

using namespace std::chrono_literals;
using Server = std::shared_ptr<const ServerContext>;
using Client = std::shared_ptr<const ClientContext>;

Task<Result<std::string>> read_exactly(net::Stream& stream, std::size_t size, MonoTime deadline) {
  std::string out;
  std::string chunk(1 << 16, '\0');
  while (out.size() < size) {
    MAIL_CO_TRY(const std::size_t got, stream.read_some(chunk));
    out.append(chunk, 0, got);
    if (got == 0) MAIL_CO_TRY(co_await stream.readable(deadline));
  }
  co_return out;
}

struct Outcome {
  Result<void> client = fail(Errc::unavailable, "not begun");
  Result<void> server = fail(Errc::unavailable, "not begun");
  std::string version;
  std::string cipher;
  std::string received;
  int ended = 0;
};

Task<Result<void>> be_server(net::Stream stream, Server context, MonoTime deadline) {
  MAIL_CO_TRY(auto cipher, context->accept(stream.native_handle()));
  MAIL_CO_TRY(co_await stream.secure(std::move(cipher), deadline));
  MAIL_CO_TRY(const std::string line, co_await read_exactly(stream, 6, deadline));
  MAIL_CO_TRY(co_await stream.write_all(std::string(200'000, line.front()), deadline));
  stream.finish_writing();
  co_return Result<void>{};
}

Task<Result<void>> be_client(net::Stream stream, Client context, std::string name,
                             MonoTime deadline, Outcome* out) {
  MAIL_CO_TRY(auto cipher, context->connect(stream.native_handle(), name));
  MAIL_CO_TRY(co_await stream.secure(std::move(cipher), deadline));
  out->version = stream.cipher()->version();
  out->cipher = stream.cipher()->cipher();
  MAIL_CO_TRY(co_await stream.write_all("hello\n", deadline));
  MAIL_CO_TRY(out->received, co_await read_exactly(stream, 200'000, deadline));
  co_return Result<void>{};
}

Task<void> keep(Task<Result<void>> task, Result<void>* out, int* ended) {
  *out = co_await std::move(task);
  ++*ended;
}

Task<Result<void>> connect_as_client(net::IoThread& io, net::Address address, Client context,
                                     std::string name, MonoTime deadline, Outcome* out) {
  MAIL_CO_TRY(net::Stream stream, co_await net::connect(io, address, deadline));
  co_return co_await be_client(std::move(stream), std::move(context), std::move(name), deadline,
                               out);
}

Outcome talk(const Server& server, const Client& client, const std::string& name) {
  const SystemClock clock;
  TaskSet tasks;
  net::IoThread io(clock);
  net::IoThread* const threads[] = {&io};
  const MonoTime deadline = clock.mono_now() + 1h;
  auto listener = std::move(*net::Listener::tcp(threads, net::Address{"127.0.0.1", 0}));
  Outcome out;
  listener->start([&](std::size_t, net::Stream stream) {
    tasks.spawn(keep(be_server(std::move(stream), server, deadline), &out.server, &out.ended));
  });
  io.post([&] {
    tasks.spawn(keep(connect_as_client(io, listener->address(), client, name, deadline, &out),
                     &out.client, &out.ended));
  });
  io.run_until([&] { return out.ended == 2; });
  return out;
}

Client make_client(ClientContext::Options options) {
  return std::move(*ClientContext::make(options));
}

class Tls : public testing::Test {
 protected:
  Tls() {
    char pattern[] = "/tmp/mailwright-tls-XXXXXX";
    directory = ::mkdtemp(pattern);
  }
  ~Tls() override { std::filesystem::remove_all(directory); }
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory / name, std::ios::binary) << bytes;
    return directory / name;
  }
  std::filesystem::path directory;
  PemPair pair = make_self_signed("mx.yahoo.test").value();
};

TEST_F(Tls, BytesPassAndTheConnectionSaysWhatItIs) {
  const Server server = *ServerContext::from_pem(pair, Suites::aead, "a");
  const Outcome out = talk(server, make_client({.verify = false, .ca_file = {}}), "mx.yahoo.test");
  EXPECT_TRUE(out.client) << describe(out.client.error());
  EXPECT_TRUE(out.server) << describe(out.server.error());
  EXPECT_EQ(out.received, std::string(200'000, 'h'));
  EXPECT_EQ(out.version, "TLSv1.3");
  EXPECT_EQ(out.cipher.substr(0, 4), "TLS_");
}

TEST_F(Tls, ACertificateThatIsTrustedAndNamedRightIsAccepted) {
  const Server server = *ServerContext::from_pem(pair, Suites::aead, "a");
  const auto ca = write("ca.pem", pair.certificate);
  const Outcome out = talk(server, make_client({.verify = true, .ca_file = ca}), "mx.yahoo.test");
  EXPECT_TRUE(out.client) << describe(out.client.error());
}

TEST_F(Tls, ContextsShareAuthorities) {
  const Server server = *ServerContext::from_pem(pair, Suites::aead, "a");
  const auto authorities = Authorities::read(write("ca.pem", pair.certificate)).value();
  for (const Suites suites : {Suites::aead, Suites::forward_secret}) {
    const Client client =
        make_client({.verify = true, .ca_file = {}, .suites = suites, .authorities = authorities});
    const Outcome out = talk(server, client, "mx.yahoo.test");
    EXPECT_TRUE(out.client) << describe(out.client.error());
  }
}

TEST_F(Tls, AFileWithoutAuthoritiesIsRefusedAndNamed) {
  const auto read = Authorities::read(write("no.pem", "none"));
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().detail.contains("no.pem")) << read.error().detail;
}

TEST_F(Tls, AnIpAddressMayBeVerifiedToo) {
  pair = make_self_signed("127.0.0.1").value();
  const Server server = *ServerContext::from_pem(pair, Suites::aead, "a");
  const auto ca = write("ca.pem", pair.certificate);
  const Outcome out = talk(server, make_client({.verify = true, .ca_file = ca}), "127.0.0.1");
  EXPECT_TRUE(out.client) << describe(out.client.error());
}

TEST_F(Tls, TheWrongNameOrAnUnknownAuthorityIsRefusedAndSaid) {
  const Server server = *ServerContext::from_pem(pair, Suites::aead, "a");
  const auto ca = write("ca.pem", pair.certificate);
  const Outcome name = talk(server, make_client({.verify = true, .ca_file = ca}), "mx.gmail.test");
  ASSERT_FALSE(name.client);
  EXPECT_EQ(name.client.error().code, Errc::tls_failed);
  EXPECT_EQ(name.client.error().detail, "certificate not accepted: hostname mismatch");
  EXPECT_FALSE(name.server);

  const Outcome issuer =
      talk(server, make_client({.verify = true, .ca_file = {}}), "mx.yahoo.test");
  ASSERT_FALSE(issuer.client);
  EXPECT_EQ(issuer.client.error().detail, "certificate not accepted: self-signed certificate");
}

// security.md 44: port 25 takes CBC with forward secrecy, submission does not.
TEST_F(Tls, CbcIsTakenOnPort25AndRefusedForSubmission) {
  for (const Suites suites : {Suites::forward_secret, Suites::aead}) {
    const Server server = *ServerContext::from_pem(pair, suites, "a");
    int sockets[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    const auto ours = std::move(*server->accept(sockets[0]));
    const SslContext old(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(old.get(), TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(old.get(), "ECDHE-ECDSA-AES128-SHA"), 1);
    const Ssl theirs(SSL_new(old.get()));
    SSL_set_fd(theirs.get(), sockets[1]);
    SSL_set_connect_state(theirs.get());
    net::Want last = net::Want::read;
    for (int round = 0; round < 8 && last != net::Want::failed; ++round) {
      SSL_do_handshake(theirs.get());
      last = ours->handshake();
    }
    EXPECT_EQ(last, suites == Suites::aead ? net::Want::failed : net::Want::done);
    ::close(sockets[0]);
    ::close(sockets[1]);
  }
}

TEST_F(Tls, Tls11IsRefused) {
  const Server server = *ServerContext::from_pem(pair, Suites::forward_secret, "a");
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
  const auto ours = std::move(*server->accept(sockets[0]));
  const SslContext old(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(old.get(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  const Ssl theirs(SSL_new(old.get()));
  SSL_set_fd(theirs.get(), sockets[1]);
  SSL_set_connect_state(theirs.get());
  EXPECT_LT(SSL_do_handshake(theirs.get()), 0);
  EXPECT_EQ(ours->handshake(), net::Want::failed);
  EXPECT_EQ(ours->last_error(), "unsupported protocol");
  ::close(sockets[0]);
  ::close(sockets[1]);
}

TEST_F(Tls, PlainTextInsteadOfAHandshakeFails) {
  const Server server = *ServerContext::from_pem(pair, Suites::forward_secret, "a");
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
  const auto ours = std::move(*server->accept(sockets[0]));
  ASSERT_EQ(ours->handshake(), net::Want::read);
  ASSERT_EQ(::send(sockets[1], "EHLO mallory.test\r\n", 19, 0), 19);
  EXPECT_EQ(ours->handshake(), net::Want::failed);
  ::close(sockets[0]);
  ::close(sockets[1]);
}

TEST_F(Tls, FilesThatCannotBeUsedAreNamedWithTheReason) {
  const auto certificate = write("cert.pem", pair.certificate);
  const auto key = write("key.pem", pair.key);
  EXPECT_TRUE(ServerContext::load(certificate, key, Suites::aead, "a"));

  const auto missing = ServerContext::load(directory / "none.pem", key, Suites::aead, "a");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().detail, "cannot read the certificate " +
                                        (directory / "none.pem").string() +
                                        ": No such file or directory");

  const auto other = write("other.pem", make_self_signed("mx.yahoo.test")->key);
  const auto mismatch = ServerContext::load(certificate, other, Suites::aead, "a");
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().detail, "the key " + other.string() +
                                         " does not match the certificate " + certificate.string());

  const auto swapped = ServerContext::load(key, certificate, Suites::aead, "a");
  ASSERT_FALSE(swapped);
  EXPECT_NE(swapped.error().detail.find("holds no certificate in PEM form"), std::string::npos);
  const auto no_key = ServerContext::load(certificate, certificate, Suites::aead, "a");
  ASSERT_FALSE(no_key);
  EXPECT_NE(no_key.error().detail.find("holds no private key in PEM form"), std::string::npos);
}

TEST_F(Tls, ASelfSignedCertificateWantsAHostName) {
  EXPECT_EQ(make_self_signed("a,DNS:b").error().code, Errc::invalid_argument);
  EXPECT_EQ(make_self_signed("").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace mail::tls
