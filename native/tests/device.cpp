#include "tests/device.h"

#include "core/device.h"
#include "cuda/backend.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace tubelet {
namespace {

constexpr size_t guard_bytes = 256;
constexpr uint8_t guard = 0xFF;
constexpr size_t most_kernels = 128;

struct Slot {
  const Kernel *kernel;
  const OpDefinition *op;
  Kernel staged;
};

struct Opened {
  std::shared_ptr<Device> device;
  std::vector<Slot> slots;
  std::vector<std::vector<const Kernel *>> staged;
  std::vector<KernelList> lists;
  std::vector<const KernelList *> by_op;
  bool is_shifted = false;
};

Opened *opened = nullptr;

size_t bytes_spanned(const Tensor &tensor) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < tensor.rank; i++)
    rows *= tensor.shape[i];
  const int64_t last = tensor.shape[tensor.rank - 1];
  return rows * last == 0 ? 0
                          : size_t((rows - 1) * tensor.row_stride + last) * bytes_of(tensor.dtype);
}

/// A block of the host's memory, on the device for the time of a call.
class Staged {
public:
  Staged(Backend &backend, size_t shift, void *host, size_t bytes)
      : backend(backend), host(static_cast<uint8_t *>(host)), bytes(bytes),
        front(guard_bytes + shift), copy(front + bytes + guard_bytes, guard),
        memory(backend.allocate(copy.size(), "staged")) {
    if (host && bytes > 0)
      std::memcpy(copy.data() + front, host, bytes);
    backend.write(memory.data(), copy.data(), copy.size());
  }

  void *data() const { return memory.data() + front; }
  bool is_of(const void *other) const { return host && host == other; }

  /// Checks the guards; `is_output`: gives the host what was written.
  void fetch(bool is_output) {
    backend.read(copy.data(), memory.data(), copy.size());
    for (size_t i = 0; i < copy.size(); i++)
      if ((i < front || i >= front + bytes) && copy[i] != guard)
        throw std::runtime_error("wrote outside a buffer of the device");
    if (is_output && bytes > 0)
      std::memcpy(host, copy.data() + front, bytes);
  }

private:
  Backend &backend;
  uint8_t *host;
  size_t bytes, front;
  std::vector<uint8_t> copy;
  Memory memory;
};

KernelNeeds needs_of(const Slot &slot, const KernelCall &call) {
  bool is_weight[max_inputs] = {};
  for (int i = 0; i < call.input_count; i++)
    is_weight[i] =
        call.inputs[i].data &&
        slot.op->inputs[std::min(size_t(i), slot.op->inputs.size() - 1)].kind == InputKind::weight;
  KernelNeeds needs{};
  if (slot.kernel->plan)
    slot.kernel->plan({call.inputs, call.output, call.attributes, is_weight, call.input_count, 1,
                       slot.kernel->precision},
                      needs);
  return needs;
}

void run_staged(const Slot &slot, const KernelCall &call) {
  Backend &backend = opened->device->engine();
  const size_t shift = opened->is_shifted ? 4 : 0;
  opened->is_shifted = !opened->is_shifted;
  const KernelNeeds needs = needs_of(slot, call);
  std::vector<std::unique_ptr<Staged>> staged;
  std::vector<Tensor> inputs(call.inputs, call.inputs + call.input_count);
  for (size_t i = 0; i < inputs.size(); i++) {
    if (!inputs[i].data)
      continue;
    const bool is_packed = needs.weight_form[i] == WeightForm::packed;
    const size_t bytes = is_packed ? needs.packed_bytes[i] : bytes_spanned(inputs[i]);
    // Memory of the device's own is aligned: packed weights and scratch.
    staged.push_back(
        std::make_unique<Staged>(backend, is_packed ? 0 : shift, inputs[i].data, bytes));
    inputs[i].data = staged.back()->data();
  }
  Tensor output = *call.output;
  auto target = std::find_if(staged.begin(), staged.end(),
                             [&](const auto &block) { return block->is_of(output.data); });
  if (target == staged.end())
    target = staged.insert(
        staged.end(), std::make_unique<Staged>(backend, shift, output.data, bytes_spanned(output)));
  output.data = (*target)->data();
  Staged *written = target->get();
  staged.push_back(std::make_unique<Staged>(backend, 0, nullptr, needs.scratch_bytes));
  slot.kernel->run(
      {inputs.data(), &output, call.attributes, staged.back()->data(), call.input_count},
      backend.pool());
  backend.finish();
  for (const auto &block : staged)
    block->fetch(block.get() == written);
}

/// A kernel's `run` has no context: each slot has a function of its own.
template <size_t... slot>
constexpr std::array<void (*)(const KernelCall &, Pool &), sizeof...(slot)>
make_runs(std::index_sequence<slot...>) {
  return {[](const KernelCall &call, Pool &) { run_staged(opened->slots[slot], call); }...};
}
constexpr auto runs = make_runs(std::make_index_sequence<most_kernels>());

} // namespace

IsaLevel device_level(const std::string &kind) {
  if (!opened) {
    register_cuda();
    DeviceOptions options;
    options.kind = kind;
    auto made = std::make_unique<Opened>();
    made->device = Device::open(options);
    const size_t ops = op_table().size();
    made->slots.reserve(most_kernels);
    made->staged.resize(ops);
    made->lists.resize(ops);
    made->by_op.resize(ops, nullptr);
    for (size_t op = 0; op < ops; op++) {
      for (const Kernel *kernel : made->device->engine().kernels(OpId(op))) {
        if (made->slots.size() == most_kernels)
          throw std::runtime_error("more kernels than the tests have slots for");
        made->slots.push_back({kernel, &op_table()[op], *kernel});
        made->slots.back().staged.run = runs[made->slots.size() - 1];
        made->staged[op].push_back(&made->slots.back().staged);
      }
      made->lists[op] = {made->staged[op].data(), int(made->staged[op].size())};
      if (!made->staged[op].empty())
        made->by_op[op] = &made->lists[op];
    }
    opened = made.release(); // until the process ends: the kernels' runs refer to it
  }
  return {opened->device->isa().c_str(), opened->by_op.data(), ""};
}

} // namespace tubelet
