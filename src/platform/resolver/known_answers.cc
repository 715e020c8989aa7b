#include "platform/resolver/known_answers.h"

#include <chrono>

namespace mail::dns {
namespace {

constexpr std::size_t kEach = 256;  // nodes and strings, about

std::size_t size_of(const KnownAnswers::Key& key, const Answer& answer) {
  std::size_t size = kEach + key.first.size() + answer.canonical_name.size();
  for (const std::string& record : answer.records) size += sizeof record + record.size();
  return size;
}

}  // namespace

std::optional<Answer> KnownAnswers::find(const Key& key, MonoTime now) {
  const std::shared_ptr<const Known> found = known(key);
  if (found == nullptr || found->good_until <= now) return std::nullopt;
  Answer answer = found->answer;
  answer.ttl = std::chrono::floor<std::chrono::seconds>(found->good_until - now);
  return answer;
}

void KnownAnswers::keep(const Key& key, const Answer& answer, MonoTime now) {
  if (answer.kind == Answer::Kind::failed || answer.ttl <= std::chrono::seconds{0}) return;
  if (answer.canonical_name != key.first) return;
  auto fresh = std::make_shared<const Known>(Known{answer, now + answer.ttl});
  const std::lock_guard lock(mutex_);
  if (!closed_) add(key, std::move(fresh));
}

void KnownAnswers::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  young_.clear();
  old_.clear();
}

std::shared_ptr<const KnownAnswers::Known> KnownAnswers::known(const Key& key) {
  const std::lock_guard lock(mutex_);
  if (const auto at = young_.find(key); at != young_.end()) return at->second;
  const auto at = old_.find(key);
  if (at == old_.end()) return nullptr;
  std::shared_ptr<const Known> found = at->second;
  add(key, found);
  return found;
}

void KnownAnswers::add(const Key& key, std::shared_ptr<const Known> fresh) {
  const std::size_t size = size_of(key, fresh->answer);
  if (size_ + size > octets_ / 2) {
    old_ = std::move(young_);
    young_.clear();
    size_ = 0;
  }
  const auto [at, first] = young_.try_emplace(key, fresh);
  if (!first) {
    size_ -= size_of(key, at->second->answer);
    at->second = std::move(fresh);
  }
  size_ += size;
}

}  // namespace mail::dns
