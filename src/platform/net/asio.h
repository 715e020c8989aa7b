// Asio, as the .cc files of this folder use it: compiled once, in asio.cc. Include it nowhere else.
#pragma once

#define BOOST_ASIO_SEPARATE_COMPILATION
#define BOOST_ASIO_NO_DEPRECATED
#define BOOST_ASIO_NO_TS_EXECUTORS

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

namespace mail::net {

namespace asio = boost::asio;
using boost::system::error_code;

// One executor type everywhere: no type erasure on the way of a byte.
using AsioExecutor = asio::io_context::executor_type;
using Descriptor = asio::posix::basic_stream_descriptor<AsioExecutor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, AsioExecutor>;
using WaitType = Descriptor::wait_type;

}  // namespace mail::net
