#include "cpu/pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tubelet {
namespace {

/// About 30 µs on the machines at hand: longer than the gap between two nodes of a plan.
constexpr int spins_before_sleep = 2000;

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

} // namespace

ThreadPool::ThreadPool(int count) : Pool{count, run_tasks} {
  workers.reserve(size_t(count - 1));
  for (int thread = 1; thread < count; thread++)
    workers.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  wake_ups++;
  wake_ups.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::claim(int thread) {
  for (int64_t i = next.fetch_add(1); i < tasks; i = next.fetch_add(1))
    task(context, i, thread);
}

void ThreadPool::run_tasks(Pool &pool, int64_t tasks, Task task, void *context) {
  auto &self = static_cast<ThreadPool &>(pool);
  if (tasks <= 1 || self.threads == 1) {
    for (int64_t i = 0; i < tasks; i++)
      task(context, i, 0);
    return;
  }
  self.task = task;
  self.context = context;
  self.tasks = tasks;
  self.next = 0;
  uint64_t job = (self.gate.load() & ~(one_job - 1)) + one_job;
  self.gate.store(job | open_bit);
  self.wake_ups++;
  self.wake_ups.notify_all();
  self.claim(0);
  self.gate.fetch_and(~open_bit);
  for (int spins = 0; (self.gate.load() & (open_bit - 1)) != 0; spins++) {
    pause();
    if (spins > spins_before_sleep)
      std::this_thread::yield();
  }
}

void ThreadPool::work(int thread) {
  uint64_t last_job = 0;
  while (!stopping) {
    uint32_t seen = wake_ups.load();
    uint64_t now = gate.load();
    bool is_new = (now & open_bit) != 0 && now / one_job != last_job;
    if (is_new) {
      if (!gate.compare_exchange_weak(now, now + 1))
        continue;
      last_job = now / one_job;
      claim(thread);
      gate.fetch_sub(1);
      continue;
    }
    int spins = 0;
    while (wake_ups.load() == seen && spins < spins_before_sleep) {
      pause();
      spins++;
    }
    if (spins == spins_before_sleep)
      wake_ups.wait(seen);
  }
}

} // namespace tubelet
