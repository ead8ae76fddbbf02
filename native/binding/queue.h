// The thread of one JavaScript Device: jobs run there in the order they were pushed, their promises
// settle on JavaScript's thread. While jobs are unsettled the process stays alive; idle, it may end.
#pragma once

#include "ops/error.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <napi.h>
#include <optional>
#include <thread>
#include <vector>

namespace tubelet::binding {

class OpenDevice;

/// Made, settled and destroyed on JavaScript's thread; only `work` is called on the device's.
class Job {
public:
  explicit Job(std::shared_ptr<OpenDevice> owner) : owner(std::move(owner)) {}
  virtual ~Job() = default;
  virtual void work() = 0;
  /// The promise's value; may throw.
  virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }

protected:
  /// What stops `work` early: the job's own flag, or the caller's.
  std::atomic<int32_t> *cancel = &own_cancel;

private:
  friend class Queue;
  std::optional<Napi::Promise::Deferred> deferred; ///< from push on
  std::atomic<int32_t> own_cancel{0};
  std::optional<Error> failure;
  bool is_stopped = false; ///< by Queue::close

protected:
  std::shared_ptr<OpenDevice> owner; ///< the device stays open while it has work
};

/// Owned by an OpenDevice, and by its thread-safe function until that is finalised.
class Queue : public std::enable_shared_from_this<Queue> {
public:
  static std::shared_ptr<Queue> start(Napi::Env env);
  Queue(const Queue &) = delete;

  Napi::Promise push(std::unique_ptr<Job> job);
  /// Nothing is queued, running or unsettled: a short copy may be done at the call instead.
  bool is_idle() const { return unsettled == 0; }

  /// Gives up something whose destructor may wait for a run: it is destroyed on the device's thread,
  /// after the jobs before it.
  void drop(std::shared_ptr<const void> last);

  /// Rejects what waits, cancels what runs. Never blocks: the thread ends when its job stops.
  void close();

private:
  explicit Queue(Napi::Env env) : env(env) {}
  static void settle_done(Napi::Env env, Napi::Function, Queue *queue, void *);
  static void end_of_environment(void *queue);
  using Signal = Napi::TypedThreadSafeFunction<Queue, void, settle_done>;

  struct Entry {
    std::unique_ptr<Job> job;
    std::shared_ptr<const void> dropped;
  };

  void serve();
  void settle(Job &job);
  void join();

  const Napi::Env env;
  std::thread thread;

  std::mutex mutex; ///< guards the five below
  std::condition_variable wake;
  std::deque<Entry> waiting;
  std::vector<std::unique_ptr<Job>> done;
  Job *running = nullptr;
  bool is_closing = false;

  // JavaScript's thread only.
  Signal signal;
  size_t unsettled = 0;
  std::vector<std::unique_ptr<Job>> refused; ///< rejected, kept until the thread has ended
};

} // namespace tubelet::binding
