// The run of a plan: bind, then node after node. Nothing here allocates.
#include "core/plan.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tubelet {
namespace {

size_t bytes_at(const Tensor &tensor) {
  size_t bytes = bytes_of(tensor.dtype);
  for (int axis = 0; axis < tensor.rank; axis++)
    bytes *= size_t(tensor.shape[axis]);
  return bytes;
}

bool overlap(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

[[noreturn]] void fail_binding(const char *side, const GraphTensor &tensor, const std::string &must,
                               const std::string &got) {
  throw Error(ErrorCode::bad_input, "plan",
              std::string(side) + " \"" + tensor.name + "\" must be = " + must + ", got " + got);
}

/// Copies a possibly strided tensor to contiguous bytes.
void copy_contiguous(Backend &engine, const Tensor &from, uint8_t *to) {
  const size_t total = bytes_at(from);
  if (total == 0)
    return;
  const auto *data = static_cast<const uint8_t *>(from.data);
  const int64_t width = from.shape[from.rank - 1];
  if (from.rank == 1 || from.row_stride == width)
    return engine.copy_rows(to, data, 1, total, total);
  const size_t row_bytes = size_t(width) * bytes_of(from.dtype);
  engine.copy_rows(to, data, total / row_bytes, row_bytes,
                   size_t(from.row_stride) * bytes_of(from.dtype));
}

} // namespace

void Plan::check_bindings(std::span<const std::shared_ptr<Buffer>> inputs,
                          std::span<const std::shared_ptr<Buffer>> outputs,
                          std::span<const int64_t> sizes) const {
  if (sizes.size() != capacity.size() || inputs.size() != graph->inputs.size() ||
      outputs.size() != graph->outputs.size())
    throw Error(ErrorCode::bad_input, "plan",
                "run must get = " + std::to_string(graph->inputs.size()) + " inputs, " +
                    std::to_string(graph->outputs.size()) + " outputs and " +
                    std::to_string(capacity.size()) + " sizes, got " +
                    std::to_string(inputs.size()) + ", " + std::to_string(outputs.size()) +
                    " and " + std::to_string(sizes.size()));
  for (size_t i = 0; i < sizes.size(); i++)
    if (sizes[i] < 0 || sizes[i] > capacity[i])
      throw Error(ErrorCode::bad_input, "plan",
                  "size of " + graph->symbols[i] + " must be = 0 to its capacity " +
                      std::to_string(capacity[i]) + ", got " + std::to_string(sizes[i]));
  for (size_t i = 0; i < inputs.size(); i++) {
    const GraphTensor &tensor = graph->tensors[graph->inputs[i]];
    if (size_t needed = bytes_at(describe(graph->inputs[i], sizes)); inputs[i]->bytes() < needed)
      fail_binding("input", tensor, "at least " + std::to_string(needed) + " bytes",
                   std::to_string(inputs[i]->bytes()));
    if (inputs[i]->is_read_only() && !device->engine().is_host())
      fail_binding("input", tensor, "in the device's memory", "a mapped file");
  }
  for (size_t i = 0; i < outputs.size(); i++) {
    const GraphTensor &tensor = graph->tensors[graph->outputs[i]];
    size_t needed = bytes_at(describe(graph->outputs[i], sizes));
    if (outputs[i]->bytes() < needed)
      fail_binding("output", tensor, "at least " + std::to_string(needed) + " bytes",
                   std::to_string(outputs[i]->bytes()));
    if (outputs[i]->is_read_only())
      fail_binding("output", tensor, "writable", "a mapped file");
    for (size_t k = 0; k < inputs.size(); k++)
      if (overlap(outputs[i]->data(), needed, inputs[k]->data(),
                  bytes_at(describe(graph->inputs[k], sizes))))
        fail_binding("output", tensor, "memory of its own", "bytes that are an input too");
    for (size_t k = 0; k < i; k++)
      if (overlap(outputs[i]->data(), needed, outputs[k]->data(),
                  bytes_at(describe(graph->outputs[k], sizes))))
        fail_binding("output", tensor, "memory of its own", "bytes that are another output too");
  }
}

void Plan::run(std::span<const std::shared_ptr<Buffer>> inputs,
               std::span<const std::shared_ptr<Buffer>> outputs, std::span<const int64_t> sizes,
               const std::atomic<int32_t> *cancel, double *node_ms) {
  std::lock_guard lock(device->running);
  check_bindings(inputs, outputs, sizes);
  bind(inputs, outputs, sizes);
  Backend &engine = device->engine();
  if (!engine.is_host())
    for (size_t i = 0; i < inputs.size(); i++)
      if (const int id = graph->inputs[i]; host_indices[id])
        engine.read(host_indices[id], inputs[i]->data(), bytes_at(live[id]));
  if (engine.can_record() && !node_ms)
    run_repeated(inputs, outputs, sizes, cancel);
  else
    run_steps(outputs, cancel, node_ms);
  engine.finish();
}

void Plan::bind(std::span<const std::shared_ptr<Buffer>> inputs,
                std::span<const std::shared_ptr<Buffer>> outputs, std::span<const int64_t> sizes) {
  for (size_t id = 0; id < live.size(); id++) {
    const Location &location = locations[id];
    Tensor &tensor = live[id];
    tensor = describe(int(id), sizes);
    int slot = locations[location.base].slot;
    const uint8_t *base = location.address;
    if (location.place == Place::input)
      base = inputs[slot]->data();
    else if (location.place == Place::output)
      base = outputs[slot]->data();
    else if (location.place == Place::arena)
      base = slot < 0 ? nullptr : device->arena() + blocks[slot].offset;
    const size_t offset = size_t(location.offset) * bytes_of(tensor.dtype);
    tensor.data = base ? const_cast<uint8_t *>(base) + offset : nullptr;
  }
  for (size_t i = 0; i < arguments.size(); i++)
    if (argument_tensors[i] >= 0)
      arguments[i] = live[argument_tensors[i]];
}

void Plan::check_cancel(const std::atomic<int32_t> *cancel, size_t node) const {
  if (cancel && cancel->load(std::memory_order_relaxed) != 0)
    throw Error(ErrorCode::aborted, "plan",
                "run must be = finished, got aborted before node " + std::to_string(node) + " of " +
                    std::to_string(steps.size()));
}

void Plan::run_steps(std::span<const std::shared_ptr<Buffer>> outputs,
                     const std::atomic<int32_t> *cancel, double *node_ms) {
  Backend &engine = device->engine();
  Pool &pool = engine.pool();
  for (size_t i = 0; i < steps.size(); i++) {
    const Step &step = steps[i];
    const GraphNode &node = graph->nodes[i];
    if (node_ms)
      node_ms[i] = 0;
    if (!step.kernel)
      continue;
    check_cancel(cancel, i);
    auto started = std::chrono::steady_clock::now();
    const Tensor *first = arguments.data() + step.first_input;
    Tensor &output = live[node.output];
    check_data(node, step);
    void *scratch =
        step.scratch_block < 0 ? nullptr : device->arena() + blocks[step.scratch_block].offset;
    step.kernel->run({first, &output, node.attributes.get(), scratch, int(node.inputs.size())},
                     pool);
    if (node_ms) {
      engine.finish();
      node_ms[i] =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started)
              .count();
    }
  }
  copy_outputs(outputs);
}

/// What a run launches follows from its addresses and sizes alone. The first such run is launched, so that
/// all its kernels are loaded; the second is recorded, and replayed from then on.
void Plan::run_repeated(std::span<const std::shared_ptr<Buffer>> inputs,
                        std::span<const std::shared_ptr<Buffer>> outputs,
                        std::span<const int64_t> sizes, const std::atomic<int32_t> *cancel) {
  Backend &engine = device->engine();
  key.clear();
  key.push_back(reinterpret_cast<uintptr_t>(device->arena()));
  for (const auto &buffers : {inputs, outputs})
    for (const auto &buffer : buffers)
      key.push_back(reinterpret_cast<uintptr_t>(buffer->data()));
  key.insert(key.end(), sizes.begin(), sizes.end());

  const auto found = std::find_if(repeated.begin(), repeated.end(),
                                  [&](const Repeated &run) { return run.key == key; });
  if (found == repeated.end()) {
    run_steps(outputs, cancel, nullptr);
    if (repeated.size() == most_repeated)
      repeated.pop_back();
    repeated.insert(repeated.begin(), {key, nullptr});
    return;
  }
  std::rotate(repeated.begin(), found, found + 1);
  Recording &recording = repeated.front().recording;
  if (recording) {
    check_cancel(cancel, 0);
    for (size_t i = 0; i < steps.size(); i++)
      check_data(graph->nodes[i], steps[i]);
  } else {
    engine.begin_recording();
    try {
      run_steps(outputs, cancel, nullptr);
    } catch (...) {
      engine.drop_recording();
      throw;
    }
    recording = engine.end_recording();
  }
  engine.replay(recording);
}

/// Of the op, on tensors whose indices the host can read.
void Plan::check_data(const GraphNode &node, const Step &step) const {
  if (!step.has_indices || !node.op->check_data)
    return;
  const int count = int(node.inputs.size());
  const Tensor *first = arguments.data() + step.first_input;
  Tensor seen[max_inputs];
  if (!device->engine().is_host()) {
    for (int k = 0; k < count; k++) {
      seen[k] = first[k];
      const int id = argument_tensors[step.first_input + k];
      seen[k].data = id < 0 ? nullptr : host_indices[id];
    }
    first = seen;
  }
  node.op->check_data(first, &live[node.output], count, node.attributes.get());
}

void Plan::copy_outputs(std::span<const std::shared_ptr<Buffer>> outputs) const {
  for (size_t i = 0; i < outputs.size(); i++)
    if (copied_out[i])
      copy_contiguous(device->engine(), live[graph->outputs[i]], outputs[i]->data());
}

} // namespace tubelet
