// Group norm in three passes over whole rows: statistics of blocks of pixels, of frames from those of
// their blocks, results. A block is measured around its own mean, and blocks are joined in double, so
// large pictures lose nothing. Blocks depend on the shape alone, and so does the order of all sums.
#include "ops/group_norm.h"
#include "cpu/activation.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// A block's part of a group: Σ (x - shift) and Σ (x - shift)².
struct Moments {
  float shift, first, second;
};

struct Layout {
  int64_t frames, pixels, channels, groups, block, blocks;

  Layout(const Tensor &x, int64_t groups)
      : frames(x.shape[0]), pixels(x.shape[1] * x.shape[2]), channels(x.shape[3]), groups(groups),
        block(larger(16, smaller(128, 8192 / channels))), blocks(ceil_div(pixels, block)) {}

  int64_t width() const { return channels / groups; }
  int64_t size(int64_t index) const { return smaller(block, pixels - index * block); }

  int64_t moments() const { return frames * blocks * groups; }
  /// Of a frame: mean, rest, factor, shift of every channel.
  int64_t coefficients() const { return 4 * channels; }
  /// Of a thread: mean, first, second of every channel.
  int64_t sums() const { return 3 * channels; }
  size_t bytes(int threads) const {
    return (size_t)moments() * sizeof(Moments) +
           (size_t)(frames * coefficients() + threads * sums()) * sizeof(float);
  }
};

/// first = Σ (x - mean), second = Σ (x - mean)² of each channel over some pixels.
void add_up(const float *in, int64_t stride, int64_t pixels, int64_t channels, const float *means,
            float *first, float *second) {
  constexpr int many = lanes == 16 ? 8 : 4; // three registers each
  int64_t d = 0;
  for (; d + many * lanes <= channels; d += many * lanes) {
    Vec mean[many], total[many] = {}, squares[many] = {};
    for (int v = 0; v < many; v++)
      mean[v] = load(means + d + v * lanes);
    for (int64_t pixel = 0; pixel < pixels; pixel++)
#pragma GCC unroll 8
      for (int v = 0; v < many; v++) {
        const Vec x = load(in + pixel * stride + d + v * lanes) - mean[v];
        total[v] += x;
        squares[v] = fma(x, x, squares[v]);
      }
    for (int v = 0; v < many; v++) {
      store(first + d + v * lanes, total[v]);
      store(second + d + v * lanes, squares[v]);
    }
  }
  for_row(channels - d, [&](int64_t rest, auto access) {
    const int64_t at = d + rest;
    const Vec mean = access.load(means + at);
    Vec total{}, squares{};
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
      const Vec x = access.load(in + pixel * stride + at) - mean;
      total += x;
      squares = fma(x, x, squares);
    }
    access.store(first + at, total);
    access.store(second + at, squares);
  });
}

double sum_of(const float *values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++)
    sum += (double)values[i];
  return sum;
}

/// A block's moments; twice over its pixels, which stay in L1.
void measure(const Layout &layout, const float *in, int64_t stride, int64_t pixels, float *sums,
             Moments *moments) {
  const int64_t channels = layout.channels, width = layout.width();
  float *means = sums, *first = means + channels, *second = first + channels;
  for (int64_t c = 0; c < channels; c++)
    means[c] = 0;
  add_up(in, stride, pixels, channels, means, first, second);
  for (int64_t g = 0; g < layout.groups; g++) {
    moments[g].shift = (float)(sum_of(first + g * width, width) / (double)(pixels * width));
    for (int64_t c = g * width; c < (g + 1) * width; c++)
      means[c] = moments[g].shift;
  }
  add_up(in, stride, pixels, channels, means, first, second);
  for (int64_t g = 0; g < layout.groups; g++) {
    moments[g].first = (float)sum_of(first + g * width, width);
    moments[g].second = (float)sum_of(second + g * width, width);
  }
}

/// What a group's values become: (x - mean - rest) · inverse. `rest` is what the mean loses in float32:
/// seen where values lie far from zero and close together.
struct Statistics {
  float mean, rest, inverse;
};

Statistics join(const Layout &layout, const Moments *moments, double epsilon) {
  const double count = (double)(layout.pixels * layout.width());
  double sum = 0, squares = 0;
  auto for_blocks = [&](auto &&body) {
    for (int64_t b = 0; b < layout.blocks; b++)
      body(moments[b * layout.groups], (double)(layout.size(b) * layout.width()));
  };
  for_blocks(
      [&](const Moments &m, double size) { sum += size * (double)m.shift + (double)m.first; });
  const double mean = sum / count;
  for_blocks([&](const Moments &m, double size) {
    const double off = mean - (double)m.shift;
    squares += (double)m.second + off * (size * off - 2 * (double)m.first);
  });
  return {(float)mean, (float)(mean - (double)(float)mean),
          (float)(1.0 / __builtin_sqrt(squares / count + epsilon))};
}

void plan(const NodeSpec &node, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const GroupNorm::Attributes *>(node.attributes);
  needs.scratch_bytes = Layout(node.inputs[GroupNorm::x], attributes.groups).bytes(node.threads);
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const GroupNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[GroupNorm::x];
  const float *weight = floats(call.inputs[GroupNorm::weight]);
  const float *bias = floats(call.inputs[GroupNorm::bias]);
  const Layout layout(x, attributes.groups);
  const int64_t channels = layout.channels, width = layout.width();
  auto *moments = (Moments *)call.scratch;
  auto *coefficients = (float *)(moments + layout.moments());
  float *sums = coefficients + layout.frames * layout.coefficients();

  parallel(pool, layout.frames * layout.blocks, [&](int64_t task, int thread) {
    const int64_t block = task % layout.blocks;
    const int64_t row = task / layout.blocks * layout.pixels + block * layout.block;
    measure(layout, floats(x) + row * x.row_stride, x.row_stride, layout.size(block),
            sums + thread * layout.sums(), moments + task * layout.groups);
  });
  parallel(pool, layout.frames * layout.groups, [&](int64_t task, int) {
    const int64_t frame = task / layout.groups, g = task % layout.groups;
    const Statistics statistics =
        join(layout, moments + frame * layout.blocks * layout.groups + g, attributes.epsilon);
    float *mean = coefficients + frame * layout.coefficients(), *rest = mean + channels;
    float *factor = rest + channels, *shift = factor + channels;
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      mean[c] = statistics.mean;
      rest[c] = statistics.rest;
      factor[c] = weight ? statistics.inverse * weight[c] : statistics.inverse;
      shift[c] = bias ? bias[c] : 0;
    }
  });
  parallel_rows(pool, rows_of(x), channels, [&](int64_t row) {
    const float *mean = coefficients + row / layout.pixels * layout.coefficients();
    const float *rest = mean + channels, *factor = rest + channels, *shift = factor + channels;
    const float *in = floats(x) + row * x.row_stride;
    float *out = floats_out(*call.output) + row * channels;
    for_row(channels, [&](int64_t d, auto access) {
      const Vec deviation = access.load(in + d) - access.load(mean + d) - access.load(rest + d);
      const Vec y = fma(deviation, access.load(factor + d), access.load(shift + d));
      access.store(out + d, activate(attributes.activation, y));
    });
  });
}

constexpr Kernel blockwise = {"group_norm.blockwise", accepts_any, plan, nullptr, run};
constexpr const Kernel *list[] = {&blockwise};

} // namespace

extern const KernelList group_norm_kernels;
const KernelList group_norm_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
