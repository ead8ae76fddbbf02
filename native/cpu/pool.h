// Threads that share the tasks of one kernel at a time. Idle threads spin for some microseconds, so
// that the next node of a plan finds them awake, then sleep.
#pragma once

#include "core/kernel.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace tubelet {

/// `threads` includes the caller of run(); one caller at a time.
class ThreadPool : public Pool {
public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

private:
  using Task = void (*)(void *context, int64_t index, int thread);

  static void run_tasks(Pool &pool, int64_t tasks, Task task, void *context);
  void work(int thread);
  void claim(int thread);

  // The gate: low 16 bits count the workers inside, bit 16 is "open", above is the job's number.
  // A worker enters only while the gate is open; the caller closes it and waits for those inside,
  // never for one that has not woken up.
  static constexpr uint64_t open_bit = 1 << 16;
  static constexpr uint64_t one_job = 1 << 17;

  alignas(64) std::atomic<uint64_t> gate{0};
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<uint32_t> wake_ups{0};
  std::atomic<bool> stopping{false};
  Task task = nullptr;
  void *context = nullptr;
  int64_t tasks = 0;
  std::vector<std::thread> workers;
};

} // namespace tubelet
