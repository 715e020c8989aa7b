#include "codec/sasl/client.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/sasl/sasl.h"

namespace mail::sasl {
namespace {

class Mechanism : public ClientMechanism {
 public:
  Mechanism(std::string_view name, ClientCredentials credentials)
      : credentials_(std::move(credentials)), name_(name) {}
  ~Mechanism() override { wipe(credentials_.password); }
  std::string_view name() const override { return name_; }
  bool is_complete() const override { return complete_; }

 protected:
  ClientCredentials credentials_;
  bool complete_ = false;

 private:
  std::string_view name_;
};

std::unexpected<Error> not_asked_for() {
  return fail(Errc::bad_syntax, "the server asks for more than the mechanism has to say");
}

class Plain final : public Mechanism {
 public:
  explicit Plain(ClientCredentials credentials) : Mechanism("PLAIN", std::move(credentials)) {}
  bool sends_first() const override { return true; }
  Result<std::string> step(std::string_view /*challenge*/) override {
    if (complete_) return not_asked_for();
    // RFC 4616 §2: NUL separates the parts, so none may hold one.
    if (credentials_.user.contains('\0') || credentials_.password.contains('\0')) {
      return fail(Errc::invalid_argument, "the user or password holds a NUL");
    }
    complete_ = true;
    return concat('\0', credentials_.user, '\0', credentials_.password);
  }
};

// draft-murchison-sasl-login: two challenges, whatever they say, then the end.
class Login final : public Mechanism {
 public:
  explicit Login(ClientCredentials credentials) : Mechanism("LOGIN", std::move(credentials)) {}
  bool sends_first() const override { return false; }
  Result<std::string> step(std::string_view /*challenge*/) override {
    if (complete_) return not_asked_for();
    complete_ = named_;
    return std::exchange(named_, true) ? credentials_.password : credentials_.user;
  }

 private:
  bool named_ = false;
};

class CramMd5 final : public Mechanism {
 public:
  CramMd5(ClientCredentials credentials, HmacMd5 hmac)
      : Mechanism("CRAM-MD5", std::move(credentials)), hmac_(hmac) {}
  bool sends_first() const override { return false; }
  Result<std::string> step(std::string_view challenge) override {
    if (complete_) return not_asked_for();
    // Without a challenge worth the name the digest is one that can be looked up in a table.
    if (challenge.empty()) return fail(Errc::bad_syntax, "CRAM-MD5 with an empty challenge");
    complete_ = true;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string response = concat(credentials_.user, ' ');  // RFC 2195 §2
    for (const std::uint8_t octet : hmac_(credentials_.password, challenge)) {
      response += kDigits[octet >> 4];
      response += kDigits[octet & 15];
    }
    return response;
  }

 private:
  HmacMd5 hmac_;
};

// Both forms: one message, and where the server wants none of it, a challenge that says why in JSON
// and a last, useless response (RFC 7628 §3.2.2, §3.2.3).
class Bearer : public Mechanism {
 public:
  using Mechanism::Mechanism;
  bool sends_first() const override { return true; }
  Result<std::string> step(std::string_view challenge) override {
    if (refused_) return not_asked_for();
    if (complete_) {
      refused_ = true;
      complete_ = false;
      return std::string(failure_answer());
    }
    (void)challenge;
    const auto has_control = [](std::string_view text) {
      return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 32; });
    };
    if (has_control(credentials_.user) || has_control(credentials_.password)) {
      return fail(Errc::invalid_argument, "the user or token holds a control character");
    }
    complete_ = true;
    return message();
  }

 protected:
  virtual std::string message() const = 0;
  virtual std::string_view failure_answer() const = 0;

 private:
  bool refused_ = false;
};

class OAuthBearer final : public Bearer {
 public:
  explicit OAuthBearer(ClientCredentials credentials)
      : Bearer("OAUTHBEARER", std::move(credentials)) {}

 protected:
  std::string message() const override {
    std::string user;  // RFC 5801 §4: "=" and "," of a saslname are escaped
    for (const char c : credentials_.user) {
      if (c == '=')
        user += "=3D";
      else if (c == ',')
        user += "=2C";
      else
        user += c;
    }
    return concat("n,a=", user, ",\x01", "auth=Bearer ", credentials_.password, "\x01\x01");
  }
  std::string_view failure_answer() const override { return "\x01"; }
};

class XOAuth2 final : public Bearer {
 public:
  explicit XOAuth2(ClientCredentials credentials) : Bearer("XOAUTH2", std::move(credentials)) {}

 protected:
  std::string message() const override {
    return concat("user=", credentials_.user, "\x01", "auth=Bearer ", credentials_.password,
                  "\x01\x01");
  }
  std::string_view failure_answer() const override { return ""; }
};

}  // namespace

std::unique_ptr<ClientMechanism> plain_client(ClientCredentials credentials) {
  return std::make_unique<Plain>(std::move(credentials));
}
std::unique_ptr<ClientMechanism> login_client(ClientCredentials credentials) {
  return std::make_unique<Login>(std::move(credentials));
}
std::unique_ptr<ClientMechanism> cram_md5_client(ClientCredentials credentials, HmacMd5 hmac) {
  return std::make_unique<CramMd5>(std::move(credentials), hmac);
}
std::unique_ptr<ClientMechanism> oauthbearer_client(ClientCredentials credentials) {
  return std::make_unique<OAuthBearer>(std::move(credentials));
}
std::unique_ptr<ClientMechanism> xoauth2_client(ClientCredentials credentials) {
  return std::make_unique<XOAuth2>(std::move(credentials));
}

}  // namespace mail::sasl
