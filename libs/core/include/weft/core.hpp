// Everything of the runtime, for a program's own use. Library code includes what it needs.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/connect.hpp>
#include <weft/core/connection.hpp>
#include <weft/core/error.hpp>
#include <weft/core/event.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/join.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/process.hpp>
#include <weft/core/queue.hpp>
#include <weft/core/resolve.hpp>
#include <weft/core/run.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/server.hpp>
#include <weft/core/signals.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/stream_reader.hpp>
#include <weft/core/stream_writer.hpp>
#include <weft/core/task.hpp>
#include <weft/core/task_group.hpp>
#include <weft/core/timeout.hpp>
