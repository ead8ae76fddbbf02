// RMS norm: the sum of squares of each group, then the result, while the row stays in L1.
#include "ops/rms_norm.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// What the group is multiplied with.
float factor(const RmsNorm::Attributes &attributes, float squares, float width) {
  const float epsilon = (float)attributes.epsilon;
  if (attributes.form == RmsNorm::Form::rms)
    return 1.0f / __builtin_sqrtf(squares / width + epsilon);
  const float length = __builtin_sqrtf(squares);
  return __builtin_sqrtf(width) / (length < epsilon ? epsilon : length);
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const RmsNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[RmsNorm::x], &weight = call.inputs[RmsNorm::weight];
  const int64_t columns = last_of(x), width = columns / attributes.groups;
  const bool is_silu = attributes.activation == RmsNorm::Activation::silu;

  parallel_rows(pool, rows_of(x), columns, [&](int64_t row) {
    for (int64_t column = 0; column < columns; column += width) {
      const float *in = floats(x) + row * x.row_stride + column;
      const float *scale = floats(weight);
      if (scale && weight.shape[0] == columns)
        scale += column;
      const RowOut out = RowOut::of(*call.output, row * columns + column);
      const float inverse = factor(attributes, row_squares(in, 0.0f, width), (float)width);
      for_row(width, [&](int64_t d, auto access) {
        Vec y = access.load(in + d) * inverse;
        if (scale)
          y *= access.load(scale + d);
        out.store(d, access, is_silu ? silu(y) : y);
      });
    }
  });
}

/// Where a level's exponential is not exact, silu is left to the level below.
const char *accepts(const NodeSpec &node) {
  const auto &attributes = *static_cast<const RmsNorm::Attributes *>(node.attributes);
  if (is_narrow && attributes.activation != RmsNorm::Activation::none)
    return "the activation asks for more precision";
  return nullptr;
}

constexpr Kernel rowwise = {
    .name = "rms_norm.rowwise", .accepts = accepts, .run = run, .writes_bf16 = is_narrow};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList rms_norm_kernels;
const KernelList rms_norm_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
