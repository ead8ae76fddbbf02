#include "core/plan.h"

#include <algorithm>
#include <cstring>

namespace tubelet {
namespace {

int64_t capacity_elements(const Shape &shape, std::span<const int64_t> sizes) {
  int64_t first = shape.is_symbolic() ? sizes[-1 - shape.dims[0]] : shape.dims[0];
  return first * shape.elements(1);
}

size_t aligned(size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

bool is_index_source(const GraphTensor &tensor) {
  return tensor.dtype == DType::i32 &&
         (tensor.kind == TensorKind::input || tensor.kind == TensorKind::constant);
}

} // namespace

Plan::Plan(std::shared_ptr<Device> device, std::shared_ptr<const Graph> graph)
    : device(std::move(device)), graph(std::move(graph)) {}

Plan::~Plan() {
  device->count_bytes(-int64_t(constants.bytes()));
  if (has_arena)
    device->return_arena(arena_size);
}

std::shared_ptr<Plan> Plan::compile(std::shared_ptr<Device> device,
                                    std::shared_ptr<const Graph> graph,
                                    std::span<const std::vector<WeightPart>> weights,
                                    std::span<const int64_t> capacity, Precision precision) {
  std::shared_ptr<Plan> plan(new Plan(std::move(device), std::move(graph)));
  plan->plan_all(capacity, precision);
  plan->pack_weights(weights);
  plan->device->take_arena(plan->arena_size);
  plan->has_arena = true;
  plan->needs = {};
  return plan;
}

std::string Plan::preview(std::shared_ptr<Device> device, std::shared_ptr<const Graph> graph,
                          std::span<const int64_t> capacity, Precision precision) {
  Plan plan(std::move(device), std::move(graph));
  plan.plan_all(capacity, precision);
  return plan.explain();
}

/// All that needs no weights.
void Plan::plan_all(std::span<const int64_t> sizes, Precision least) {
  precision = least;
  check_capacity(sizes);
  capacity.assign(sizes.begin(), sizes.end());
  locate();
  place_fixed();
  choose_kernels();
  narrow_tensors();
  plan_kernels();
  plan_memory();
}

void Plan::check_capacity(std::span<const int64_t> sizes) const {
  if (sizes.size() != graph->symbols.size())
    throw Error(ErrorCode::bad_input, "plan",
                "capacity must have = " + std::to_string(graph->symbols.size()) +
                    " sizes, one per symbol, got " + std::to_string(sizes.size()));
  for (size_t i = 0; i < sizes.size(); i++)
    if (sizes[i] < 1 || sizes[i] > INT32_MAX)
      throw Error(ErrorCode::bad_input, "plan",
                  "capacity of " + graph->symbols[i] + " must be = 1 to 2147483647, got " +
                      std::to_string(sizes[i]));
  for (const GraphTensor &tensor : graph->tensors) {
    int64_t width = tensor.shape.elements(tensor.shape.is_symbolic() ? 1 : 0) * 4;
    int64_t first = tensor.shape.is_symbolic() ? sizes[-1 - tensor.shape.dims[0]] : 1;
    if (width > most_bytes / first)
      throw Error(ErrorCode::out_of_memory, "plan",
                  "tensor \"" + tensor.name + "\" must be = at most 2^46 bytes, got shape " +
                      tensor.shape.text());
  }
}

/// Decides where each tensor's bytes are; arena offsets come later.
void Plan::locate() {
  locations.resize(graph->tensors.size());
  for (size_t id = 0; id < graph->tensors.size(); id++) {
    const GraphTensor &tensor = graph->tensors[id];
    locations[id].base = int(id);
    locations[id].row_stride = tensor.shape.last();
    if (tensor.shape.rank == 1)
      locations[id].row_stride = tensor.shape.is_symbolic() ? 1 : tensor.shape.dims[0];
    if (tensor.kind == TensorKind::constant) {
      locations[id].place = Place::fixed;
      locations[id].address = tensor.constant.data();
    } else if (tensor.kind == TensorKind::weight)
      locations[id].place = Place::fixed;
  }
  for (size_t i = 0; i < graph->inputs.size(); i++) {
    locations[graph->inputs[i]].place = Place::input;
    locations[graph->inputs[i]].slot = int(i);
  }
  copied_out.assign(graph->outputs.size(), true);
  for (size_t i = 0; i < graph->outputs.size(); i++) {
    const GraphTensor &tensor = graph->tensors[graph->outputs[i]];
    Location &location = locations[graph->outputs[i]];
    bool is_computed = tensor.producer >= 0 && !graph->nodes[tensor.producer].op->is_view;
    if (!is_computed || location.place == Place::output)
      continue;
    location.place = Place::output;
    location.slot = int(i);
    copied_out[i] = false;
  }
  for (const GraphNode &node : graph->nodes)
    if (node.op->is_view)
      locate_view(node);
  for (int output : graph->outputs)
    if (graph->tensors[locations[output].base].kind == TensorKind::weight)
      throw Error(ErrorCode::bad_graph, "plan",
                  "output \"" + graph->tensors[output].name +
                      "\" must be = computed, got a weight");
}

void Plan::locate_view(const GraphNode &node) {
  const Location &from = locations[node.inputs[0]];
  const Shape &shape = graph->tensors[node.inputs[0]].shape;
  Location &to = locations[node.output];
  bool is_contiguous = shape.rank == 1 || from.row_stride == shape.last();
  ViewPlacement view = node.op->place_view(shape, from.row_stride, node.attributes.get());
  if (view.needs_contiguous && !is_contiguous)
    throw Error(ErrorCode::bad_graph, node.op->name,
                "x must be = contiguous, got a slice of a wider tensor (node \"" + node.name +
                    "\")");
  int64_t stride = to.row_stride;
  to = from;
  to.base = from.base;
  to.offset += view.offset;
  to.row_stride = view.keeps_row_stride ? from.row_stride : stride;
}

/// Where kernels do not read the host's memory: uploads the constants, makes room for the indices
/// that check_data reads.
void Plan::place_fixed() {
  Backend &engine = device->engine();
  if (engine.is_host())
    return;
  const size_t count = graph->tensors.size();
  std::vector<size_t> constant_offsets(count), index_offsets(count);
  size_t constant_bytes = 0, index_bytes = 0;
  for (size_t id = 0; id < count; id++) {
    const GraphTensor &tensor = graph->tensors[id];
    const size_t bytes =
        aligned(size_t(capacity_elements(tensor.shape, capacity)) * bytes_of(tensor.dtype));
    if (tensor.kind == TensorKind::constant) {
      constant_offsets[id] = constant_bytes;
      constant_bytes += bytes;
    }
    if (is_index_source(tensor)) {
      index_offsets[id] = index_bytes;
      index_bytes += bytes;
    }
  }
  Memory staged = Memory::allocate(constant_bytes, "constants");
  indices = Memory::allocate(index_bytes, "indices");
  for (size_t id = 0; id < count; id++) {
    const std::vector<uint8_t> &bytes = graph->tensors[id].constant;
    if (bytes.empty())
      continue;
    std::memcpy(staged.data() + constant_offsets[id], bytes.data(), bytes.size());
    if (graph->tensors[id].dtype == DType::i32)
      std::memcpy(indices.data() + index_offsets[id], bytes.data(), bytes.size());
  }
  constants = engine.place(std::move(staged), "constants");
  device->count_bytes(int64_t(constants.bytes()));
  host_indices.assign(count, nullptr);
  for (size_t id = 0; id < count; id++) {
    const int base = locations[id].base;
    if (graph->tensors[base].kind == TensorKind::constant)
      locations[id].address = constants.data() + constant_offsets[base];
    if (is_index_source(graph->tensors[base]))
      host_indices[id] = indices.data() + index_offsets[base] +
                         size_t(locations[id].offset) * bytes_of(DType::i32);
  }
}

/// A tensor as kernels see it, at the given sizes of the symbols; data is not set.
Tensor Plan::describe(int id, std::span<const int64_t> sizes) const {
  const GraphTensor &tensor = graph->tensors[id];
  Tensor seen{};
  seen.rank = tensor.shape.rank;
  seen.dtype = stored_dtype(id);
  for (int axis = 0; axis < seen.rank; axis++)
    seen.shape[axis] = tensor.shape.dims[axis];
  if (tensor.shape.is_symbolic())
    seen.shape[0] = sizes[-1 - tensor.shape.dims[0]];
  seen.row_stride = locations[id].row_stride;
  return seen;
}

void Plan::choose_kernels() {
  steps.resize(graph->nodes.size());
  for (size_t i = 0; i < graph->nodes.size(); i++) {
    const GraphNode &node = graph->nodes[i];
    Step &step = steps[i];
    step.first_input = int(arguments.size());
    if (node.op->is_view)
      continue;
    bool is_weight[max_inputs] = {};
    for (size_t k = 0; k < node.inputs.size(); k++) {
      int id = node.inputs[k];
      arguments.push_back(id < 0 ? Tensor{} : describe(id, capacity));
      bool is_fixed = id < 0 || graph->tensors[locations[id].base].kind == TensorKind::weight;
      argument_tensors.push_back(is_fixed ? -1 : id);
      const InputSpec &spec = node.op->inputs[std::min(k, node.op->inputs.size() - 1)];
      is_weight[k] = id >= 0 && graph->tensors[id].kind == TensorKind::weight;
      step.has_indices |= spec.kind == InputKind::index;
    }
    const Tensor output = describe(node.output, capacity);
    const NodeSpec spec = spec_of(i, &output, is_weight);
    for (const Kernel *kernel : device->engine().kernels(node.op->id)) {
      if (const char *reason = kernel->accepts(spec)) {
        step.refused.push_back({kernel->name, reason});
        continue;
      }
      step.kernel = kernel;
      break;
    }
    if (!step.kernel)
      throw Error(ErrorCode::unsupported, node.op->name,
                  "a kernel must take the node \"" + node.name + "\" = one of " +
                      std::to_string(step.refused.size()) + ", got " +
                      (step.refused.empty() ? "none on this device"
                                            : std::string(step.refused.back().reason)));
  }
}

NodeSpec Plan::spec_of(size_t node, const Tensor *output, const bool *is_weight) const {
  return {arguments.data() + steps[node].first_input,
          output,
          graph->nodes[node].attributes.get(),
          is_weight,
          int(graph->nodes[node].inputs.size()),
          device->threads(),
          precision};
}

/// An intermediate that every kernel which reads it would round to bfloat16 is stored as that.
void Plan::narrow_tensors() {
  std::vector<bool> can(graph->tensors.size(), false);
  for (size_t i = 0; i < steps.size(); i++) {
    const int output = graph->nodes[i].output;
    can[output] =
        steps[i].kernel && steps[i].kernel->writes_bf16 && locations[output].place == Place::arena;
  }
  for (size_t i = 0; i < steps.size(); i++) {
    const GraphNode &node = graph->nodes[i];
    for (size_t k = 0; steps[i].kernel && k < node.inputs.size(); k++)
      if (node.inputs[k] >= 0 && !(steps[i].kernel->reads_bf16 >> k & 1))
        can[locations[node.inputs[k]].base] = false;
  }
  for (int output : graph->outputs)
    can[locations[output].base] = false;
  for (size_t id = 0; id < can.size(); id++)
    locations[id].is_narrow = can[id];
}

DType Plan::stored_dtype(int tensor) const {
  return locations[locations[tensor].base].is_narrow ? DType::bf16 : graph->tensors[tensor].dtype;
}

/// What the chosen kernels need, of tensors as they are stored.
void Plan::plan_kernels() {
  needs.assign(steps.size(), KernelNeeds{});
  for (size_t i = 0; i < steps.size(); i++) {
    const Step &step = steps[i];
    for (size_t k = 0; step.kernel && k < graph->nodes[i].inputs.size(); k++)
      if (const int id = graph->nodes[i].inputs[k]; id >= 0)
        arguments[size_t(step.first_input) + k].dtype = stored_dtype(id);
    const Tensor output = describe(graph->nodes[i].output, capacity);
    if (step.kernel && step.kernel->plan)
      step.kernel->plan(spec_of(i, &output, nullptr), needs[i]);
  }
}

/// Liveness of every arena tensor and scratch block, then their offsets.
void Plan::plan_memory() {
  auto block_of = [&](int tensor, int node) {
    Location &location = locations[locations[tensor].base];
    if (location.place != Place::arena)
      return;
    if (location.slot < 0) {
      location.slot = int(blocks.size());
      const GraphTensor &base = graph->tensors[locations[tensor].base];
      size_t bytes =
          size_t(capacity_elements(base.shape, capacity)) * bytes_of(stored_dtype(tensor));
      blocks.push_back({bytes, node, node, 0});
    }
    blocks[location.slot].last_node = node;
  };
  for (size_t i = 0; i < graph->nodes.size(); i++) {
    const GraphNode &node = graph->nodes[i];
    if (node.op->is_view)
      continue;
    block_of(node.output, int(i));
    for (int input : node.inputs)
      if (input >= 0)
        block_of(input, int(i));
    if (size_t scratch = needs[i].scratch_bytes) {
      steps[i].scratch_block = int(blocks.size());
      blocks.push_back({scratch, int(i), int(i), 0});
    }
  }
  for (int output : graph->outputs)
    block_of(output, int(graph->nodes.size()));
  arena_size = place_blocks(blocks);
  live.resize(graph->tensors.size());
}

} // namespace tubelet
