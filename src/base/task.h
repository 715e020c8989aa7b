// Task<T>: a coroutine that starts when it is awaited and resumes its caller when it ends.
// It knows no event loop: awaiters resume it on the thread that must (see executor.h), so the
// store and the drivers share it.
// A Task owns its coroutine; awaiting it twice, or never, is a bug. Exceptions end the process.
// A function that finds nothing to wait for returns Task<T>::ended() and needs no coroutine.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/frame_pool.h"
#include "base/result.h"

namespace mail {

template <typename T = void>
class Task;

namespace detail {

struct TaskPromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  static void* operator new(std::size_t size) { return take_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    give_back_frame(frame, size);
  }
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    MAIL_ASSERT(value.has_value());  // awaited once, and only when it has ended
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  // Has ended already, with T().
  static Task ended()
    requires(std::is_void_v<T> || std::default_initializable<T>)
  {
    return Task();
  }
  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, {})), ended_(std::exchange(other.ended_, false)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
      ended_ = std::exchange(other.ended_, false);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return ended_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().continuation = caller;
    return handle_;
  }
  T await_resume() {
    if constexpr (std::is_void_v<T> || std::default_initializable<T>) {
      if (ended_) return T();
    }
    return handle_.promise().take();
  }

 private:
  Task() : ended_(true) {}
  Handle handle_;
  bool ended_ = false;
};

namespace detail {
template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace mail
