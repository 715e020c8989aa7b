// Runs a verifier of DKIM or ARC over a message, for tests only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/executor.h"
#include "base/idn.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/message/header_block.h"

namespace mail::mailauth {

template <typename Verifier>
Task<void> answer_all(dns::Resolver& resolver, Verifier& verifier) {
  while (!verifier.questions().empty()) {
    std::vector<dns::Answer> answers;
    for (const auto& question : verifier.questions()) {
      answers.push_back(co_await resolver.ask(question.name, question.type, MonoTime{}));
    }
    verifier.answer(std::move(answers));
  }
}

// `step`: octets of the body given at a time; answers come when half of it is there.
template <typename Verifier>
auto verify(dns::Resolver& resolver, std::string_view message, WallTime now,
            const crypto::Crypto& crypto, std::size_t step = 1 << 20, const Idn* idn = nullptr) {
  const std::size_t header = message::header_block_size(message);
  Verifier verifier(message.substr(0, header), now, crypto, idn);
  LoopExecutor loop;
  const std::string_view body = message.substr(header);
  bool answered = false;
  for (std::size_t at = 0; at < body.size(); at += step) {
    verifier.body(body.substr(at, step));
    if (!answered && at >= body.size() / 2) block_on(loop, answer_all(resolver, verifier));
    answered = answered || at >= body.size() / 2;
  }
  verifier.end();
  block_on(loop, answer_all(resolver, verifier));
  return verifier.outcome();
}

inline std::string with_crlf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out.push_back('\r');
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace mail::mailauth
