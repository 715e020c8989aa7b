// What verifiers of signatures have in common: they ask for keys, are answered once, and take the
// body as it streams, in any order; when all is there they conclude.
// Pure; constant memory in the size of the body. One thread at a time.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/resolver.h"
#include "base/result.h"
#include "codec/mailauth/body_hash.h"
#include "codec/mailauth/inquiry.h"

namespace mail::mailauth {

template <typename Outcome>
class Verification {
 public:
  class Run {
   public:
    virtual ~Run() = default;
    const std::vector<Question>& questions() const { return questions_; }
    void answer(std::vector<dns::Answer> answers) {
      MAIL_ASSERT(!questions_.empty() && answers.size() == questions_.size());
      answers_ = std::move(answers);
      questions_.clear();
      if (ended_) conclude();
    }
    void body(std::string_view piece) { bodies_.update(piece); }
    void end() {
      MAIL_ASSERT(!ended_);
      bodies_.finish();
      ended_ = true;
      if (questions_.empty()) conclude();
    }
    const Outcome& outcome() const {
      MAIL_ASSERT(ended_ && questions_.empty());
      return outcome_;
    }

   protected:
    explicit Run(const crypto::Crypto& crypto) : crypto_(crypto), bodies_(crypto) {}
    virtual void conclude() = 0;  // once, with the body hashed and answers_ in place

    const crypto::Crypto& crypto_;
    dkim::BodyHashes bodies_;
    std::vector<Question> questions_;
    std::vector<dns::Answer> answers_;  // to the questions, in their order
    bool ended_ = false;
    Outcome outcome_;
  };

  // To be asked now, all at the same time.
  const std::vector<Question>& questions() const { return run_->questions(); }
  void answer(std::vector<dns::Answer> answers) { run_->answer(std::move(answers)); }
  void body(std::string_view piece) { run_->body(piece); }  // cut anywhere
  void end() { run_->end(); }
  const Outcome& outcome() const { return run_->outcome(); }

 protected:
  explicit Verification(std::unique_ptr<Run> run) : run_(std::move(run)) {}

 private:
  std::unique_ptr<Run> run_;
};

}  // namespace mail::mailauth
