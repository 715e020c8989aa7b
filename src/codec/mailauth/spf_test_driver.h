// Runs an Evaluator over a resolver, one question after the other; for tests only.
#pragma once

#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/mailauth/spf.h"

namespace mail::spf {

inline Task<Outcome> evaluate_with(dns::Resolver& resolver, Subject subject) {
  Evaluator evaluator(std::move(subject));
  while (!evaluator.questions().empty()) {
    std::vector<dns::Answer> answers;
    for (const Question& question : evaluator.questions()) {
      answers.push_back(co_await resolver.ask(question.name, question.type, MonoTime{}));
    }
    evaluator.answer(std::move(answers));
  }
  co_return evaluator.outcome();
}

inline Outcome evaluate(dns::Resolver& resolver, Subject subject) {
  LoopExecutor loop;
  return block_on(loop, evaluate_with(resolver, std::move(subject)));
}

}  // namespace mail::spf
