#include "binding/queue.h"

#include "binding/errors.h"

namespace tubelet::binding {

std::shared_ptr<Queue> Queue::start(Napi::Env env) {
  std::shared_ptr<Queue> queue(new Queue(env));
  auto kept = new std::shared_ptr<Queue>(queue);
  queue->signal = Signal::New(env, "tubelet device", 0, 1, queue.get(),
                              [kept](Napi::Env, void *, Queue *) { delete kept; });
  queue->signal.Unref(env);
  try {
    queue->thread = std::thread(&Queue::serve, queue.get());
  } catch (...) {
    queue->signal.Release();
    throw;
  }
  // Hooks run last first: this one before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, end_of_environment, queue.get());
  return queue;
}

void Queue::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return is_closing || !waiting.empty(); });
    if (waiting.empty())
      return;
    Entry entry = std::move(waiting.front());
    waiting.pop_front();
    running = entry.job.get();
    lock.unlock();
    if (entry.job) {
      try {
        entry.job->work();
      } catch (...) {
        entry.job->failure = error_of(std::current_exception());
      }
    }
    entry.dropped.reset();
    lock.lock();
    running = nullptr;
    if (!entry.job)
      continue;
    done.push_back(std::move(entry.job));
    signal.NonBlockingCall();
  }
}

Napi::Promise Queue::push(std::unique_ptr<Job> job) {
  job->deferred = Napi::Promise::Deferred::New(env);
  Napi::Promise promise = job->deferred->Promise();
  if (unsettled++ == 0)
    signal.Ref(env);
  {
    std::lock_guard lock(mutex);
    waiting.push_back({std::move(job), nullptr});
  }
  wake.notify_one();
  return promise;
}

void Queue::drop(std::shared_ptr<const void> last) {
  {
    std::lock_guard lock(mutex);
    if (thread.joinable())
      waiting.push_back({nullptr, std::move(last)});
  }
  wake.notify_one();
}

void Queue::settle(Job &job) {
  Napi::HandleScope scope(env);
  try {
    if (job.failure)
      throw js_error(env, *job.failure);
    job.deferred->Resolve(guarded(env, [&] { return job.result(env); }));
  } catch (const Napi::Error &error) {
    job.deferred->Reject(error.Value());
  }
  if (--unsettled == 0)
    signal.Unref(env);
}

void Queue::settle_done(Napi::Env env, Napi::Function, Queue *queue, void *) {
  if (static_cast<napi_env>(env) == nullptr)
    return;
  std::vector<std::unique_ptr<Job>> jobs;
  bool is_over;
  {
    std::lock_guard lock(queue->mutex);
    jobs.swap(queue->done);
    is_over = queue->is_closing && !queue->running;
  }
  for (auto &job : jobs) {
    if (job->is_stopped && job->failure && job->failure->code == ErrorCode::aborted)
      job->failure = disposed("device");
    queue->settle(*job);
  }
  if (is_over)
    queue->join();
}

void Queue::close() {
  bool is_idle;
  std::vector<std::unique_ptr<Job>> rejected;
  {
    std::lock_guard lock(mutex);
    if (is_closing)
      return;
    is_closing = true;
    std::deque<Entry> dropped;
    for (Entry &entry : waiting) {
      if (entry.job)
        rejected.push_back(std::move(entry.job));
      else
        dropped.push_back(std::move(entry));
    }
    waiting.swap(dropped);
    is_idle = !running && done.empty();
    if (running) {
      running->is_stopped = true;
      running->cancel->store(1);
    }
  }
  wake.notify_one();
  for (auto &job : rejected) {
    job->failure = disposed("device");
    settle(*job);
    refused.push_back(std::move(job));
  }
  if (is_idle)
    join();
}

/// The thread has nothing left to run, or its job has been told to stop.
void Queue::join() {
  if (!thread.joinable())
    return;
  thread.join();
  refused.clear();
  napi_remove_env_cleanup_hook(env, end_of_environment, this);
  signal.Release();
}

/// A worker is terminated or the process ends in order: no JavaScript may run any more, so promises
/// stay as they are; the thread must be gone before the addon's code is.
void Queue::end_of_environment(void *context) {
  auto queue = static_cast<Queue *>(context)->shared_from_this();
  std::deque<Entry> waiting;
  {
    std::lock_guard lock(queue->mutex);
    queue->is_closing = true;
    waiting.swap(queue->waiting);
    if (queue->running)
      queue->running->cancel->store(1);
  }
  queue->wake.notify_one();
  queue->thread.join();
  queue->refused.clear();
  queue->done.clear();
}

} // namespace tubelet::binding
