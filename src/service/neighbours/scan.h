// What judges have in common that are given the whole message and answer once, at its end: it is
// passed on while it comes, in pieces over a connection that is opened when there is enough to
// send. Lives on its connection's I/O thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "service/neighbours/neighbour.h"
#include "service/policy/verdict.h"

namespace mail {

class Scan : public Hearing {
 public:
  explicit Scan(Neighbour& neighbour) : neighbour_(neighbour) {}
  Task<void> header(std::string_view block) final;
  Task<void> body(std::string_view piece) final;
  Task<Verdict> message(Draft& draft) final;
  void end_transaction() final;

 protected:
  const std::string& name() const { return neighbour_.settings().name; }

 private:
  // The form of the wire. `out` may hold what was not sent yet.
  virtual void append_begin(std::string& out) const = 0;
  virtual void append_piece(std::string& out, std::string_view piece) const = 0;
  virtual void append_end(std::string& out) const = 0;
  virtual void on_header(std::string_view) {}
  // What came back, so far. True: it is whole. Fails with too_large where the neighbour will not
  // scan so much.
  virtual Result<bool> consume(std::string_view bytes) = 0;
  virtual Result<void> on_closed(Error error) { return std::unexpected(std::move(error)); }
  virtual Result<Verdict> conclude(Draft& draft) = 0;
  virtual void forget() = 0;  // of the transaction

  Task<void> take(std::string_view piece);
  Task<Result<void>> flush(MonoTime deadline);
  Task<Result<void>> finish();
  Task<Result<void>> hear_why(Error error, MonoTime deadline);
  Result<bool> listen(std::string_view bytes);
  void lose(Error error);

  Neighbour& neighbour_;
  // Of the transaction:
  std::unique_ptr<Neighbour::Line> line_;
  bool failed_ = false;
  Error failure_;
  std::string out_;  // not yet sent
  std::uint64_t size_ = 0;
  bool too_large_ = false;
};

}  // namespace mail
