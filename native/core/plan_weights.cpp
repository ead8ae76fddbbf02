// The weights of a plan: checked, read as they are stored or brought into the kernels' layouts, shared by
// all plans of a device.
#include "core/convert.h"
#include "core/plan.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace tubelet {
void Plan::pack_weights(std::span<const std::vector<WeightPart>> weights) {
  if (weights.size() != graph->weights.size())
    throw Error(ErrorCode::bad_weight, "plan",
                "weights must be = " + std::to_string(graph->weights.size()) + ", got " +
                    std::to_string(weights.size()));
  std::vector<const std::vector<WeightPart> *> parts_of(graph->tensors.size(), nullptr);
  for (size_t i = 0; i < weights.size(); i++) {
    const GraphTensor &tensor = graph->tensors[graph->weights[i]];
    int64_t row = tensor.shape.elements(1), total = 0;
    for (const WeightPart &part : weights[i]) {
      bool is_float =
          part.dtype == DType::f32 || part.dtype == DType::f16 || part.dtype == DType::bf16;
      size_t bytes = size_t(part.elements) * bytes_of(part.dtype);
      if (!is_float || part.elements < 1 || part.elements > most_bytes || part.elements % row ||
          part.offset > part.buffer->bytes() || bytes > part.buffer->bytes() - part.offset)
        throw Error(
            ErrorCode::bad_weight, "plan",
            "weight \"" + tensor.name +
                "\" parts must be = whole rows of f32, f16 or bf16 inside their buffer, got " +
                std::to_string(part.elements) + " of " + name_of(part.dtype));
      total += part.elements;
    }
    if (total != tensor.shape.elements())
      throw Error(ErrorCode::bad_weight, "plan",
                  "weight \"" + tensor.name + "\" elements must be = " +
                      std::to_string(tensor.shape.elements()) + ", got " + std::to_string(total));
    parts_of[graph->weights[i]] = &weights[i];
  }
  for (size_t i = 0; i < graph->nodes.size(); i++) {
    const GraphNode &node = graph->nodes[i];
    steps[i].packed.resize(node.inputs.size());
    for (size_t k = 0; k < node.inputs.size(); k++) {
      int id = node.inputs[k];
      if (id < 0)
        continue;
      int base = locations[id].base;
      if (graph->tensors[base].kind != TensorKind::weight)
        continue;
      if (base != id && needs[i].weight_form[k] != WeightForm::f32)
        throw Error(ErrorCode::bad_graph, node.op->name,
                    "a packed weight must be = a whole tensor, got a view of \"" +
                        graph->tensors[base].name + '"');
      pack_weight(int(i), int(k), *parts_of[base], needs[i]);
    }
  }
}

namespace {

/// Rows of a weight are packed independently of each other, so by several threads where there are.
void pack_in_parallel(const Kernel &kernel, const NodeSpec &spec, int input, const WeightRows &all,
                      void *packed, Device &device) {
  static constexpr int64_t rows_per_task = 96;
  if (!device.engine().is_host())
    return kernel.pack(spec, input, all, packed);
  struct Work {
    const Kernel &kernel;
    const NodeSpec &spec;
    int input;
    const WeightRows &all;
    void *packed;
  } work{kernel, spec, input, all, packed};
  std::lock_guard lock(device.running);
  Pool &pool = device.engine().pool();
  pool.run(
      pool, (all.rows + rows_per_task - 1) / rows_per_task,
      [](void *context, int64_t task, int) {
        const Work &work = *static_cast<const Work *>(context);
        WeightRows rows = work.all;
        const int64_t first = task * rows_per_task;
        rows.rows = std::min(rows_per_task, work.all.rows - first);
        rows.first_row += first;
        rows.data = static_cast<const uint8_t *>(rows.data) +
                    size_t(first * rows.row_elements) * bytes_of(rows.dtype);
        work.kernel.pack(work.spec, work.input, rows, work.packed);
      },
      &work);
}

} // namespace

/// Makes, or finds on the device, the form of a weight that the node's kernel wants.
void Plan::pack_weight(int index, int input, const std::vector<WeightPart> &parts,
                       const KernelNeeds &need) {
  const GraphNode &node = graph->nodes[index];
  Step &step = steps[index];
  const GraphTensor &tensor = graph->tensors[locations[node.inputs[input]].base];
  WeightForm form = need.weight_form[input];
  int64_t row_elements = tensor.shape.elements(1);

  // One contiguous part in the right dtype needs no copy where kernels can read its buffer.
  Backend &engine = device->engine();
  bool is_one = parts.size() == 1;
  bool is_aligned = is_one && parts[0].offset % bytes_of(parts[0].dtype) == 0;
  bool is_read_in_place = is_one && (engine.is_host() || !parts[0].buffer->is_read_only());
  bool as_stored =
      is_aligned && is_read_in_place &&
      (form == WeightForm::stored || (form == WeightForm::f32 && parts[0].dtype == DType::f32));
  std::string key = tensor.shape.text();
  for (const WeightPart &part : parts)
    key += " " + std::to_string(part.buffer->id()) + ":" + std::to_string(part.offset) + ":" +
           name_of(part.dtype) + ":" + std::to_string(part.elements);

  auto each_part = [&](auto &&visit) {
    int64_t first = 0;
    for (const WeightPart &part : parts) {
      int64_t rows = part.elements / row_elements;
      const uint8_t *data = part.buffer->data() + part.offset;
      Memory staged;
      if (!engine.is_host() && !part.buffer->is_read_only()) {
        staged = Memory::allocate(size_t(part.elements) * bytes_of(part.dtype), "stored weights");
        part.buffer->read(part.offset, staged.data(), staged.bytes());
        data = staged.data();
      }
      visit(WeightRows{data, first, rows, row_elements, part.dtype});
      first += rows;
    }
  };
  DType dtype = form == WeightForm::stored ? parts[0].dtype : DType::f32;
  for (const WeightPart &part : parts)
    if (part.dtype != dtype)
      dtype = DType::f32;
  auto make = [&](Slabs &slabs) {
    const auto allocate = [&](size_t bytes) {
      if (!engine.is_host())
        return Memory::allocate(bytes, "packed weights");
      std::lock_guard lock(device->running);
      return slabs.allocate(bytes, "packed weights", engine.pool());
    };
    const NodeSpec spec = spec_of(size_t(index), nullptr, nullptr);
    if (form == WeightForm::packed) {
      Memory memory = allocate(need.packed_bytes[input]);
      each_part([&](const WeightRows &rows) {
        pack_in_parallel(*step.kernel, spec, input, rows, memory.data(), *device);
      });
      return engine.place(std::move(memory), "packed weights");
    }
    const size_t row_bytes = size_t(row_elements) * bytes_of(dtype);
    Memory memory = allocate(size_t(tensor.shape.dims[0]) * row_bytes);
    each_part([&](const WeightRows &rows) {
      if (rows.dtype == dtype)
        std::memcpy(memory.data() + size_t(rows.first_row) * row_bytes, rows.data,
                    size_t(rows.rows) * row_bytes);
      else
        convert_to_f32(rows, reinterpret_cast<float *>(memory.data()));
    });
    return engine.place(std::move(memory), "packed weights");
  };

  Location location = locations[node.inputs[input]];
  Tensor &argument = arguments[step.first_input + input];
  if (as_stored) {
    argument.data = parts[0].buffer->data() + parts[0].offset +
                    size_t(location.offset) * bytes_of(parts[0].dtype);
    argument.dtype = parts[0].dtype;
    kept_buffers.push_back(parts[0].buffer);
    return;
  }
  key += form == WeightForm::packed ? " " + std::to_string(reinterpret_cast<uintptr_t>(step.kernel))
                                    : std::string(" ") + name_of(dtype);
  step.packed[input] = device->packed(key, make);
  // What was packed is not read again; at most one weight's pages of a file stay in memory.
  for (const WeightPart &part : parts)
    part.buffer->release_pages(part.offset, size_t(part.elements) * bytes_of(part.dtype));
  argument.data = step.packed[input]->memory.data() +
                  (form == WeightForm::packed ? 0 : size_t(location.offset) * bytes_of(dtype));
  argument.dtype = dtype;
}

/// Of the weights that kernels want in a layout of their own; others may be read as they are stored.
size_t Plan::bytes_to_pack() const {
  std::set<std::pair<int, const Kernel *>> seen;
  size_t total = 0;
  for (size_t i = 0; i < steps.size(); i++) {
    const std::vector<int> &inputs = graph->nodes[i].inputs;
    for (size_t k = 0; k < inputs.size(); k++) {
      if (inputs[k] < 0 || graph->tensors[inputs[k]].kind != TensorKind::weight)
        continue;
      if (needs[i].packed_bytes[k] && seen.emplace(inputs[k], steps[i].kernel).second)
        total += needs[i].packed_bytes[k];
    }
  }
  return total;
}

size_t Plan::packed_bytes() const {
  if (!needs.empty())
    return bytes_to_pack();
  std::vector<const PackedWeight *> seen;
  size_t total = 0;
  for (const Step &step : steps)
    for (const auto &weight : step.packed)
      if (weight && std::find(seen.begin(), seen.end(), weight.get()) == seen.end()) {
        seen.push_back(weight.get());
        total += weight->memory.bytes();
      }
  return total;
}

} // namespace tubelet
