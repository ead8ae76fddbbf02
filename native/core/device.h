// A device owns its backend, the one arena its plans share, and the packed weights they share.
#pragma once

#include "core/backend.h"
#include "core/memory.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

namespace tubelet {

/// A weight in a kernel's own layout (or converted to f32); shared by every plan that uses it.
struct PackedWeight {
  Memory memory;
};

class Device : public std::enable_shared_from_this<Device> {
public:
  /// Throws Error: unknown kind, or why it cannot be opened.
  static std::shared_ptr<Device> open(const DeviceOptions &options);

  const std::string &kind() const { return kind_name; }
  int threads() const { return backend->pool().threads; }
  const std::string &isa() const { return backend->isa(); }
  /// Buffers, arena and packed weights; mapped files are not counted.
  size_t bytes_in_use() const { return in_use; }

  Backend &engine() { return *backend; }
  void count_bytes(int64_t change) { in_use += change; }

  /// Runs are one at a time: plans share the arena.
  std::mutex running;

  /// A plan takes its share when compiled and gives it back when destroyed; the arena is as large as
  /// the largest share. Never moves while `running` is held by someone else.
  void take_arena(size_t bytes);
  void return_arena(size_t bytes);
  uint8_t *arena() const { return arena_memory.data(); }

  /// The packed weight of this key, made by `make` if no plan holds it.
  std::shared_ptr<PackedWeight> packed(const std::string &key,
                                       const std::function<Memory(Slabs &)> &make);

private:
  std::string kind_name;
  std::unique_ptr<Backend> backend;
  std::atomic<size_t> in_use{0};
  std::multiset<size_t> arena_shares;
  Memory arena_memory;
  std::mutex weights_mutex;
  Slabs packed_slabs; ///< of a device that reads the host's memory
  std::map<std::string, std::weak_ptr<PackedWeight>> weights;
};

} // namespace tubelet
