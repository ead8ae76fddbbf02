#include "core/device.h"

namespace tubelet {

std::shared_ptr<Device> Device::open(const DeviceOptions &options) {
  std::string known;
  for (const BackendKind &kind : backend_kinds()) {
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
    if (options.kind != kind.name)
      continue;
    auto device = std::make_shared<Device>();
    device->kind_name = kind.name;
    device->backend = kind.open(options);
    return device;
  }
  throw Error(ErrorCode::unsupported, "device",
              "kind must be one of = " + known + ", got \"" + options.kind + '"');
}

void Device::take_arena(size_t bytes) {
  std::lock_guard lock(running);
  if (bytes > arena_memory.bytes()) {
    Memory grown = backend->allocate(bytes, "arena");
    count_bytes(int64_t(bytes) - int64_t(arena_memory.bytes()));
    arena_memory = std::move(grown);
  }
  arena_shares.insert(bytes);
}

void Device::return_arena(size_t bytes) {
  std::lock_guard lock(running);
  arena_shares.erase(arena_shares.find(bytes));
  if (arena_shares.empty()) {
    count_bytes(-int64_t(arena_memory.bytes()));
    arena_memory = Memory();
  }
}

std::shared_ptr<PackedWeight> Device::packed(const std::string &key,
                                             const std::function<Memory(Slabs &)> &make) {
  std::lock_guard lock(weights_mutex);
  if (auto known = weights[key].lock())
    return known;
  auto self = weak_from_this();
  std::shared_ptr<PackedWeight> made(new PackedWeight{make(packed_slabs)},
                                     [self](PackedWeight *weight) {
                                       if (auto device = self.lock())
                                         device->count_bytes(-int64_t(weight->memory.bytes()));
                                       delete weight;
                                     });
  count_bytes(int64_t(made->memory.bytes()));
  weights[key] = made;
  return made;
}

} // namespace tubelet
