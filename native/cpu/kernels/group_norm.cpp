// Group norm: a task takes the channels of a group, or of as many narrow groups as fill a cache line,
// of one frame: statistics in two passes over its pixels, result in a third. Sums of a block of pixels
// are float32, those of blocks double, so that large pictures lose nothing.
#include "ops/group_norm.h"
#include "cpu/activation.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t least_channels = 16; ///< of a task: a cache line
constexpr int64_t block = 128;         ///< pixels

/// The channels of a task in one frame.
struct Part {
  const float *in;
  int64_t pixels, row_stride, width, group_width;
};

/// A value per group, in the lanes of channels d, d + 1, …
inline Vec spread(const Part &part, const float *values, int64_t d, int64_t count) {
  Vec v{};
  for (int64_t i = 0; i < count; i++)
    v[i] = values[(d + i) / part.group_width];
  return v;
}

/// totals[group] += Σ x, or Σ (x - mean)² where there are means.
inline void add_up(const Part &part, const float *means, double *totals) {
  for_row(part.width, [&](int64_t d, auto access) {
    const Vec mean = means ? spread(part, means, d, access.count) : Vec{};
    for (int64_t begin = 0; begin < part.pixels; begin += block) {
      const int64_t end = smaller(part.pixels, begin + block);
      Vec total{};
      for (int64_t pixel = begin; pixel < end; pixel++) {
        const Vec x = access.load(part.in + pixel * part.row_stride + d) - mean;
        total = means ? fma(x, x, total) : total + x;
      }
      for (int64_t i = 0; i < access.count; i++)
        totals[(d + i) / part.group_width] += (double)total[i];
    }
  });
}

/// What a task knows of its groups. `rest` is what the mean loses in float32: seen where values lie far
/// from zero and close together.
struct Statistics {
  float mean[least_channels], rest[least_channels], inverse[least_channels];
};

Statistics measure(const Part &part, double epsilon) {
  const int64_t groups = part.width / part.group_width;
  const double count = (double)(part.pixels * part.group_width);
  double sums[least_channels] = {}, squares[least_channels] = {};
  Statistics statistics;
  add_up(part, nullptr, sums);
  for (int64_t g = 0; g < groups; g++) {
    statistics.mean[g] = (float)(sums[g] / count);
    statistics.rest[g] = (float)(sums[g] / count - (double)statistics.mean[g]);
  }
  add_up(part, statistics.mean, squares);
  for (int64_t g = 0; g < groups; g++)
    statistics.inverse[g] = (float)(1.0 / __builtin_sqrt(squares[g] / count + epsilon));
  return statistics;
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const GroupNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[GroupNorm::x];
  const float *weight = floats(call.inputs[GroupNorm::weight]);
  const float *bias = floats(call.inputs[GroupNorm::bias]);
  const int64_t channels = x.shape[3], pixels = x.shape[1] * x.shape[2];
  const int64_t group_width = channels / attributes.groups;
  const int64_t task_width = ceil_div(least_channels, group_width) * group_width;
  const int64_t parts = ceil_div(channels, task_width);

  parallel(pool, x.shape[0] * parts, [&](int64_t task, int) {
    const int64_t first = task % parts * task_width, row = task / parts * pixels;
    const Part part = {floats(x) + row * x.row_stride + first, pixels, x.row_stride,
                       smaller(task_width, channels - first), group_width};
    float *out = floats_out(*call.output) + row * channels + first;
    const Statistics statistics = measure(part, attributes.epsilon);
    for_row(part.width, [&](int64_t d, auto access) {
      const Vec mean = spread(part, statistics.mean, d, access.count);
      const Vec rest = spread(part, statistics.rest, d, access.count);
      const Vec inverse = spread(part, statistics.inverse, d, access.count);
      const Vec scale = weight ? access.load(weight + first + d) : broadcast(1.0f);
      const Vec shift = bias ? access.load(bias + first + d) : Vec{};
      for (int64_t pixel = 0; pixel < pixels; pixel++) {
        const Vec in = access.load(part.in + pixel * x.row_stride + d);
        const Vec y = (in - mean - rest) * inverse * scale + shift;
        access.store(out + pixel * channels + d, activate(attributes.activation, y));
      }
    });
  });
}

constexpr Kernel framewise = {"group_norm.framewise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&framewise};

} // namespace

extern const KernelList group_norm_kernels;
const KernelList group_norm_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
