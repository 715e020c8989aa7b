// What the evaluators that need DNS are made of: a coroutine that stops where it asks and goes on
// where it is answered, so that a rule with many questions reads from top to bottom.
// Pure: no executor, no thread; answer() runs the coroutine up to its next question. An inquiry may
// be thrown away at any time. One thread at a time.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/resolver.h"
#include "base/result.h"
#include "base/task.h"

namespace mail::mailauth {

struct Question {
  std::string name;  // good for Resolver::ask(), as dns::normalize_name() writes it
  dns::Type type = dns::Type::txt;
};

class Inquiry {
 public:
  using Answers = std::vector<dns::Answer>;

  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  const std::vector<Question>& questions() const { return questions_; }
  bool finished() const { return questions_.empty(); }
  // To every question, in their order.
  void answer(Answers answers) {
    MAIL_ASSERT(!questions_.empty() && answers.size() == questions_.size());
    answers_ = std::move(answers);
    questions_.clear();
    std::exchange(waiting_, {}).resume();
  }

 protected:
  Inquiry() = default;
  ~Inquiry() {
    if (root_.handle) root_.handle.destroy();
  }

  // Once, when the derived object is there; runs up to the first question.
  void start(Task<void> work) { root_ = run(std::move(work)); }

  struct Asking {
    Inquiry& inquiry;
    std::vector<Question> questions;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      inquiry.questions_ = std::move(questions);
      inquiry.waiting_ = caller;
    }
    Answers await_resume() const { return std::move(inquiry.answers_); }
  };
  // At least one question.
  Asking ask(std::vector<Question> questions) { return {*this, std::move(questions)}; }
  Task<dns::Answer> ask_one(std::string name, dns::Type type) {
    std::vector<Question> questions;
    questions.push_back({std::move(name), type});
    Answers answers = co_await ask(std::move(questions));
    co_return std::move(answers.front());
  }

 private:
  // The outermost coroutine: it begins at once, and its frame dies with the inquiry.
  struct Root {
    struct promise_type {
      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };
  static Root run(Task<void> work) { co_await work; }

  std::vector<Question> questions_;
  Answers answers_;
  std::coroutine_handle<> waiting_;
  Root root_;
};

// What a caller sees of an inquiry that comes to an Outcome: the base of an evaluator, whose
// constructor makes the run. To be asked by questions() and answered by answer(), in turn, until
// there is no question left; then outcome() is there.
template <typename Outcome>
class Evaluation {
 public:
  class Run : public Inquiry {
   public:
    virtual ~Run() = default;
    const Outcome& outcome() const {
      MAIL_ASSERT(finished());
      return outcome_;
    }

   protected:
    Outcome outcome_;
  };

  // To be asked now, all at the same time if the driver likes.
  const std::vector<Question>& questions() const { return run_->questions(); }
  // To every question, in their order.
  void answer(std::vector<dns::Answer> answers) { run_->answer(std::move(answers)); }
  const Outcome& outcome() const { return run_->outcome(); }

 protected:
  explicit Evaluation(std::unique_ptr<Run> run) : run_(std::move(run)) {}

 private:
  std::unique_ptr<Run> run_;
};

}  // namespace mail::mailauth
