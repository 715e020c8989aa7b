#include "codec/smtp/dot_decoder.h"

#include <cstring>

#include "codec/smtp/line_ends.h"

namespace mail::smtp {

namespace {
const char* find(const char* from, const char* to, char c) {
  return static_cast<const char*>(std::memchr(from, c, static_cast<std::size_t>(to - from)));
}
}  // namespace

struct DotDecoder::Run {
  const char* begin;  // [begin, at) is to be appended
  const char* at;
  const char* end;
  const char* clean;  // up to here no line holds a bare CR or LF
  std::string* body;
  bool wanted;

  void append_until(const char* to) {
    if (wanted && to > begin) body->append(begin, to);
  }
  // What [begin, at) holds is kept, the next `skipped` bytes are not.
  void skip(std::size_t skipped) {
    append_until(at);
    at += skipped;
    begin = at;
  }
};

std::size_t DotDecoder::feed(std::string_view wire, std::string* body) {
  const std::size_t clean = damaged_ ? 0 : clean_lines(wire);
  Run run{wire.data(),         wire.data(), wire.data() + wire.size(),
          wire.data() + clean, body,        !damaged_};
  while (run.at < run.end && state_ != State::done) step(run);
  run.wanted = run.wanted && !damaged_;
  run.append_until(run.at);
  return static_cast<std::size_t>(run.at - wire.data());
}

void DotDecoder::step(Run& run) {
  switch (state_) {
    case State::line_start:
      if (*run.at == '.') {
        run.skip(1);
        state_ = State::dot;
        return;
      }
      [[fallthrough]];
    case State::in_line:
      return scan_line(run);
    case State::dot:  // the dot is dropped, whatever follows (RFC 5321 §4.5.2)
      if (*run.at != '\r') return scan_line(run);
      run.skip(1);
      state_ = State::dot_cr;
      return;
    case State::dot_cr:
      if (*run.at == '\n') {
        run.skip(1);
        state_ = State::done;
      } else {  // CRLF "." CR and no LF: a bare CR
        damaged_ = true;
        state_ = State::in_line;
      }
      return;
    case State::cr:
      if (*run.at == '\n') {
        ++run.at;
        state_ = State::line_start;
      } else {
        damaged_ = true;
        state_ = State::in_line;
      }
      return;
    case State::done:
      return;
  }
}

// The byte before run.at is no CR, and run.at is not the end.
void DotDecoder::scan_line(Run& run) {
  if (run.at < run.clean) return scan_clean_lines(run);
  const char* const lf = find(run.at, run.end, '\n');
  const char* const stop = lf != nullptr ? lf : run.end;
  // Once damaged, bare CRs matter no more: only the CR right before an LF is looked for, so that
  // bytes are never scanned again for each of them.
  const char* cr = nullptr;
  if (!damaged_) {
    cr = find(run.at, stop, '\r');
  } else if (stop > run.at && stop[-1] == '\r') {
    cr = stop - 1;
  }
  if (cr != nullptr) {
    run.at = cr + 1;
    if (lf == run.at) {
      ++run.at;
      state_ = State::line_start;
    } else {
      state_ = State::cr;
    }
  } else if (lf != nullptr) {
    run.at = lf;
    bare_lf(run);
  } else {
    run.at = stop;
    state_ = State::in_line;
  }
}

// On to the next line that begins with a dot.
void DotDecoder::scan_clean_lines(Run& run) {
  const char* dot = find(run.at, run.clean, '.');
  while (dot != nullptr && (dot == run.at || dot[-1] != '\n')) dot = find(dot + 1, run.clean, '.');
  run.at = dot != nullptr ? dot : run.clean;
  state_ = State::line_start;
}

// No line begins behind it, so a dot there is a dot, and the end can not be there.
void DotDecoder::bare_lf(Run& run) {
  if (bare_lf_ == BareLf::reject) {
    damaged_ = true;
    ++run.at;
  } else {
    run.skip(1);
    if (run.wanted && !damaged_) run.body->append("\r\n");
  }
  state_ = State::in_line;
}

}  // namespace mail::smtp
