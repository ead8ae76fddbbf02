#include "tests/problem.h"

#include "core/convert.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace tubelet {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t guard_bytes = 0;
#else
constexpr size_t guard_bytes = 256; // a multiple of every alignment
#endif
/// As a float it is a NaN: what reads it shows it.
constexpr uint8_t guard = 0xFF;

double uniform(uint64_t &state) { return double(next_random(state) >> 11) * 0x1p-53; }

uint16_t half_of(float value) {
  // Values of the cases are far from the range of subnormal and infinite halves.
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude < 0x38800000)
    return uint16_t(bits >> 16 & 0x8000);
  return uint16_t((bits >> 16 & 0x8000) | ((magnitude - 0x38000000 + 0x1000) >> 13));
}

uint16_t bfloat_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x8000) >> 16);
}

void store_as(DType dtype, uint8_t *to, double value) {
  const float single = float(value);
  const int32_t whole = int32_t(value);
  const uint16_t half = dtype == DType::f16 ? half_of(single) : bfloat_of(single);
  if (dtype == DType::f32)
    std::memcpy(to, &single, 4);
  else if (dtype == DType::i32)
    std::memcpy(to, &whole, 4);
  else
    std::memcpy(to, &half, 2);
}

double value_of(const InputCase &input, int64_t index, uint64_t &random) {
  static constexpr double specials[] = {std::numeric_limits<double>::quiet_NaN(),
                                        std::numeric_limits<double>::infinity(),
                                        -std::numeric_limits<double>::infinity(),
                                        1e-40,
                                        -1e-40,
                                        -0.0};
  if (!input.values.empty())
    return input.values[size_t(index)];
  const double value = input.low + (input.high - input.low) * uniform(random);
  if (input.special_one_in && next_random(random) % uint64_t(input.special_one_in) == 0)
    return specials[next_random(random) % std::size(specials)];
  return input.dtype == DType::i32 ? std::floor(value) : value;
}

int64_t rows_of(const Shape &shape) { return shape.elements() / shape.last(); }

} // namespace

uint64_t next_random(uint64_t &state) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

GuardedBytes::GuardedBytes(size_t bytes, size_t alignment)
    : size(bytes), front(guard_bytes + alignment), total(front + bytes + guard_bytes),
      memory(static_cast<uint8_t *>(::operator new(total, std::align_val_t(2 * alignment))),
             Release{2 * alignment}) {
  std::memset(memory.get(), guard, total);
}

bool GuardedBytes::is_intact() const {
  for (size_t i = 0; i < total; i++)
    if ((i < front || i >= front + size) && memory.get()[i] != guard)
      return false;
  return true;
}

Problem::Problem(const Case &which, uint64_t seed) : which(which) {
  AttributeReader reader(which.op->name, which.attributes);
  attributes = which.op->read_attributes(reader);
  std::vector<TensorType> types;
  for (const InputCase &input : which.inputs)
    types.push_back(
        {input.shape, input.dtype, input.spec->kind == InputKind::weight, input.shape.rank > 0});
  const TensorType declared{which.output, DType::f32, false, true};
  const Shape shape =
      which.op->output_shape({which.op->name, types, {&declared, 1}}, attributes.get());
  for (size_t i = 0; i < which.inputs.size(); i++)
    add_input(which.inputs[i], seed + i);
  output = {};
  output.rank = shape.rank;
  for (int i = 0; i < shape.rank; i++)
    output.shape[i] = shape[i];
  output.row_stride = shape.last();
  memory.push_back(std::make_unique<GuardedBytes>(4 * size_t(shape.elements()), 4));
  output.data = memory.back()->data();
  if (Tensor *shared = aliased())
    alias_copy.assign(static_cast<uint8_t *>(shared->data),
                      static_cast<uint8_t *>(shared->data) + 4 * output_elements());
  if (which.op->check_data)
    which.op->check_data(inputs.data(), &output, int(inputs.size()), attributes.get());
}

void Problem::add_input(const InputCase &input, uint64_t seed) {
  Tensor tensor{};
  const size_t width = bytes_of(input.dtype);
  const int64_t elements = input.shape.rank == 0 ? 0 : input.shape.elements();
  const int64_t last = input.shape.rank == 0 ? 0 : input.shape.last();
  const int64_t stride = input.stride ? input.stride : last;
  const int64_t rows = elements == 0 ? 0 : rows_of(input.shape);
  const size_t bytes = rows == 0 ? 0 : size_t((rows - 1) * stride + last) * width;
  memory.push_back(std::make_unique<GuardedBytes>(bytes, width));
  uint64_t random = seed;
  for (int64_t i = 0; i < elements; i++)
    store_as(input.dtype, memory.back()->data() + size_t(i / last * stride + i % last) * width,
             value_of(input, i, random));
  if (input.shape.rank > 0) {
    tensor.data = memory.back()->data();
    tensor.rank = input.shape.rank;
    tensor.dtype = input.dtype;
    tensor.row_stride = stride;
    for (int i = 0; i < tensor.rank; i++)
      tensor.shape[i] = input.shape[i];
  }
  inputs.push_back(tensor);
}

Tensor *Problem::aliased() {
  for (size_t i = 0; i < inputs.size(); i++)
    if (!which.alias.empty() && which.alias == which.inputs[i].spec->name)
      return &inputs[i];
  return nullptr;
}

void Problem::restore_alias() {
  if (Tensor *shared = aliased())
    std::memcpy(shared->data, alias_copy.data(), alias_copy.size());
}

Cost Problem::cost() const {
  return which.op->cost(inputs.data(), &output, int(inputs.size()), attributes.get());
}

int64_t Problem::output_elements() const { return int64_t(elements_of(output)); }

bool Problem::is_intact() const {
  for (const auto &bytes : memory)
    if (!bytes->is_intact())
      return false;
  return true;
}

namespace {

/// The flags of a node whose weights are those the op calls so.
std::vector<uint8_t> weight_flags(const Problem &problem) {
  std::vector<uint8_t> flags;
  for (const InputCase &input : problem.which.inputs)
    flags.push_back(input.spec->kind == InputKind::weight && input.shape.rank > 0);
  return flags;
}

NodeSpec spec_of(const Problem &problem, const std::vector<uint8_t> &flags, const Kernel &kernel,
                 int threads) {
  static_assert(sizeof(bool) == 1);
  return {problem.inputs.data(),
          &problem.output,
          problem.attributes.get(),
          reinterpret_cast<const bool *>(flags.data()),
          int(problem.inputs.size()),
          threads,
          kernel.precision};
}

} // namespace

const char *Run::refusal(Problem &problem, const Kernel &kernel, int threads) {
  const std::vector<uint8_t> flags = weight_flags(problem);
  return kernel.accepts(spec_of(problem, flags, kernel, threads));
}

Run::Run(Problem &problem, const Kernel &kernel, int threads)
    : problem(problem), kernel(kernel), inputs(problem.inputs) {
  const std::vector<uint8_t> flags = weight_flags(problem);
  const NodeSpec spec = spec_of(problem, flags, kernel, threads);
  KernelNeeds needs{};
  if (kernel.plan)
    kernel.plan(spec, needs);
  for (size_t i = 0; i < inputs.size(); i++)
    if (flags[i])
      prepare_weight(int(i), needs, spec);
  if (needs.scratch_bytes > 0) {
    memory.push_back(std::make_unique<GuardedBytes>(needs.scratch_bytes, 64));
    scratch = memory.back()->data();
  }
}

/// Packs in two parts, as a weight that is stored as two tensors.
void Run::prepare_weight(int input, const KernelNeeds &needs, const NodeSpec &spec) {
  Tensor &weight = inputs[size_t(input)];
  const WeightForm form = needs.weight_form[input];
  if (form == WeightForm::stored || (form == WeightForm::f32 && weight.dtype == DType::f32))
    return;
  int64_t row_elements = 1;
  for (int i = 1; i < weight.rank; i++)
    row_elements *= weight.shape[i];
  const int64_t rows = weight.shape[0], first = rows / 3;
  const size_t bytes =
      form == WeightForm::packed ? needs.packed_bytes[input] : 4 * size_t(rows * row_elements);
  memory.push_back(std::make_unique<GuardedBytes>(bytes, 64));
  void *to = memory.back()->data();
  std::memset(to, 0, bytes);
  for (auto [begin, end] : {std::pair{int64_t(0), first}, std::pair{first, rows}}) {
    if (begin == end)
      continue;
    const uint8_t *from = static_cast<const uint8_t *>(weight.data) +
                          size_t(begin * row_elements) * bytes_of(weight.dtype);
    const WeightRows part{from, begin, end - begin, row_elements, weight.dtype};
    if (form == WeightForm::packed)
      kernel.pack(spec, input, part, to);
    else
      convert_to_f32(part, static_cast<float *>(to));
  }
  weight.data = to;
  weight.dtype = DType::f32;
}

void Run::call(Pool &pool) {
  Tensor output = problem.output;
  if (Tensor *shared = problem.aliased())
    output.data = shared->data;
  kernel.run({inputs.data(), &output, problem.attributes.get(), scratch, int(inputs.size())}, pool);
}

void Run::execute(Pool &pool) {
  const size_t bytes = 4 * size_t(problem.output_elements());
  std::memset(problem.output_data(), guard, bytes);
  call(pool);
  if (const Tensor *shared = problem.aliased())
    std::memcpy(problem.output_data(), shared->data, bytes);
}

void Run::execute_rows(Pool &pool, RowRange range) {
  auto cut = [&](Tensor &tensor) {
    int64_t rows = 1;
    for (int i = 1; i + 1 < tensor.rank; i++)
      rows *= tensor.shape[i];
    const int64_t stride = tensor.rank == 1 ? 1 : rows * tensor.row_stride;
    tensor.data =
        static_cast<uint8_t *>(tensor.data) + size_t(range.begin * stride) * bytes_of(tensor.dtype);
    tensor.shape[0] = range.end - range.begin;
  };
  std::vector<Tensor> seen = inputs;
  for (size_t i = 0; i < seen.size(); i++)
    for (const std::string &name : problem.which.rows)
      if (seen[i].rank > 0 && name == problem.which.inputs[i].spec->name)
        cut(seen[i]);
  Tensor output = problem.output;
  std::memset(output.data, guard, 4 * size_t(problem.output_elements()));
  output.shape[0] = range.end - range.begin;
  kernel.run({seen.data(), &output, problem.attributes.get(), scratch, int(seen.size())}, pool);
}

bool Run::is_intact() const {
  for (const auto &bytes : memory)
    if (!bytes->is_intact())
      return false;
  return problem.is_intact();
}

} // namespace tubelet
