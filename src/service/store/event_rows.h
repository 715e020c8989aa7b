// Encoded events of one message, each a record, one behind the other in one piece of memory.
// One thread.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "codec/record/event.h"

namespace mail {

class EventRows {
 public:
  void add(const record::Event& event) {
    if (bytes_.empty()) bytes_.reserve(kUsual);
    record::append_event(bytes_, event);
    ends_.push_back(bytes_.size());
  }
  bool empty() const { return ends_.empty(); }
  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t at) const {
    const std::size_t begin = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(bytes_).substr(begin, ends_[at] - begin);
  }

 private:
  static constexpr std::size_t kUsual = 512;  // room for those of most messages
  std::string bytes_;
  boost::container::small_vector<std::size_t, 4> ends_;
};

}  // namespace mail
