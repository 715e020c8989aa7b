// Memory of coroutine frames. A frame that has ended is kept for the next of its size on the same
// thread: a message takes some dozens, nearly all of the same few sizes.
// Any thread; a frame may be given back on another than took it. Not used under sanitizers, which
// are to see each frame come and go.
#pragma once

#include <cstddef>

namespace mail::detail {

void* take_frame(std::size_t size);
void give_back_frame(void* frame, std::size_t size) noexcept;

}  // namespace mail::detail
