#include "platform/tls/authorities.h"

#include <future>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "platform/tls/openssl.h"

namespace mail::tls {
namespace {

std::shared_ptr<X509_STORE> read_system() {
  CertificateStore store(X509_STORE_new());
  MAIL_ASSERT(store != nullptr);
  // What is not there is no error here: then nobody is verified.
  if (X509_STORE_set_default_paths(store.get()) != 1) take_errors();
  return store;
}

}  // namespace

Authorities::Authorities(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Authorities::~Authorities() = default;

Result<std::shared_ptr<const Authorities>> Authorities::read(const std::filesystem::path& ca_file) {
  auto impl = std::make_unique<Impl>();
  if (ca_file.empty()) {
    impl->store = std::async(std::launch::async, read_system).share();
  } else {
    ERR_clear_error();
    CertificateStore store(X509_STORE_new());
    if (store == nullptr || X509_STORE_load_file(store.get(), ca_file.c_str()) != 1) {
      return fail(Errc::tls_failed,
                  concat("cannot read authorities from ", ca_file.string(), ": ", take_errors()));
    }
    std::promise<std::shared_ptr<X509_STORE>> ready;
    ready.set_value(std::move(store));
    impl->store = ready.get_future().share();
  }
  return std::shared_ptr<const Authorities>(new Authorities(std::move(impl)));
}

}  // namespace mail::tls
