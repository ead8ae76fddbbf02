// Group norm in three launches: a thread holds 32 pixels of one channel in registers and writes their mean
// and their sum of squared deviations; a block joins those of a group in double (Chan, Golub and LeVeque
// 1983); then every element is normalised. x is read twice. What the mean loses in float32 is kept beside
// it, for values far from zero and close together.
#include "device/items.cuh"
#include "device/reduce.cuh"
#include "epilogue.cuh"
#include "ops/group_norm.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "group_norm.chunks";
constexpr int chunk_pixels = 32;
constexpr int join_threads = 256;

struct Node {
  const float *x, *weight, *bias;
  float *y;
  int64_t frames, pixels, channels, x_stride, group_width;
  float epsilon;
  ActivationKind activation;

  __host__ __device__ int64_t chunks() const { return (pixels + chunk_pixels - 1) / chunk_pixels; }
};

/// Of a chunk's pixels in one channel.
struct Chunk {
  float mean, squares;
};

/// Of a group: y = (x - mean - rest) · inverse.
struct Statistics {
  float mean, rest, inverse;
};

__global__ void measure_chunks(const Node node, Chunk *chunks) {
  each_item(node.frames * node.chunks() * node.channels, [&](uint32_t item) {
    const uint32_t channels = uint32_t(node.channels), place = item / channels;
    const uint32_t chunk_count = uint32_t(node.chunks());
    const int64_t frame = place / chunk_count;
    const int64_t first = int64_t(place % chunk_count) * chunk_pixels;
    const float *x =
        node.x + (frame * node.pixels + first) * node.x_stride + (item - place * channels);
    const int count = int(node.pixels - first < chunk_pixels ? node.pixels - first : chunk_pixels);
    float held[chunk_pixels], sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < chunk_pixels; i++) {
      held[i] = i < count ? x[i * node.x_stride] : 0.0f;
      sum += held[i];
    }
    const float mean = sum / float(count);
#pragma unroll
    for (int i = 0; i < chunk_pixels; i++)
      if (i < count)
        squares = fmaf(held[i] - mean, held[i] - mean, squares);
    chunks[item] = {mean, squares};
  });
}

/// body(chunk, pixels in it) for this thread's part of a group's chunks.
template <class Body>
__device__ void each_chunk(const Node &node, const Chunk *chunks, int64_t frame, int64_t group,
                           Body body) {
  for (int64_t i = threadIdx.x; i < node.chunks() * node.group_width; i += join_threads) {
    const int64_t chunk = i / node.group_width, left = node.pixels - chunk * chunk_pixels;
    const int64_t channel = group * node.group_width + i % node.group_width;
    body(chunks[(frame * node.chunks() + chunk) * node.channels + channel],
         double(left < chunk_pixels ? left : chunk_pixels));
  }
}

__global__ void __launch_bounds__(join_threads)
    join_chunks(const Node node, const Chunk *chunks, Statistics *statistics) {
  const int64_t groups = node.channels / node.group_width;
  const int64_t frame = blockIdx.x / groups, group = blockIdx.x % groups;
  const double elements = double(node.pixels * node.group_width);
  double sum = 0, squares = 0;
  each_chunk(node, chunks, frame, group,
             [&](const Chunk &chunk, double count) { sum += count * chunk.mean; });
  const double mean = block_sum(sum) / elements;
  each_chunk(node, chunks, frame, group, [&](const Chunk &chunk, double count) {
    const double deviation = chunk.mean - mean;
    squares += chunk.squares + count * deviation * deviation;
  });
  const double variance = block_sum(squares) / elements;
  if (threadIdx.x == 0)
    statistics[blockIdx.x] = {float(mean), float(mean - double(float(mean))),
                              float(1.0 / sqrt(variance + double(node.epsilon)))};
}

__global__ void normalize(const Node node, const Statistics *statistics) {
  const uint32_t channels = uint32_t(node.channels);
  each_item(node.frames * node.pixels * node.channels, [&](uint32_t item) {
    const uint32_t row = item / channels, channel = item - row * channels;
    const uint32_t groups = uint32_t(node.channels / node.group_width);
    const Statistics &of =
        statistics[row / uint32_t(node.pixels) * groups + channel / uint32_t(node.group_width)];
    const float x = node.x[row * node.x_stride + channel];
    float y = (x - of.mean - of.rest) * of.inverse;
    if (node.weight)
      y *= node.weight[channel];
    if (node.bias)
      y += node.bias[channel];
    node.y[item] = activate(node.activation, y);
  });
}

Node node_of(const Tensor *inputs, const Tensor &output, const GroupNorm::Attributes &attributes) {
  const Tensor &x = inputs[GroupNorm::x];
  return {floats(x),
          floats(inputs[GroupNorm::weight]),
          floats(inputs[GroupNorm::bias]),
          floats_out(output),
          x.shape[0],
          x.shape[1] * x.shape[2],
          x.shape[3],
          x.row_stride,
          x.shape[3] / attributes.groups,
          float(attributes.epsilon),
          attributes.activation};
}

size_t chunk_bytes(const Node &node) {
  return size_t(node.frames * node.chunks() * node.channels) * sizeof(Chunk);
}

void plan(const NodeSpec &spec, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const GroupNorm::Attributes *>(spec.attributes);
  const Node node = node_of(spec.inputs, *spec.output, attributes);
  needs.scratch_bytes =
      chunk_bytes(node) + size_t(node.frames * attributes.groups) * sizeof(Statistics);
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const GroupNorm::Attributes *>(call.attributes);
  const Node node = node_of(call.inputs, *call.output, attributes);
  auto *chunks = static_cast<Chunk *>(call.scratch);
  auto *statistics =
      reinterpret_cast<Statistics *>(static_cast<char *>(call.scratch) + chunk_bytes(node));
  Stream &stream = stream_of(pool);
  const FlatLaunch by_chunk = flat_launch(node.frames * node.chunks() * node.channels);
  stream.launch(name, {by_chunk.blocks, by_chunk.threads}, measure_chunks, node, chunks);
  stream.launch(name, {unsigned(node.frames * attributes.groups), join_threads}, join_chunks, node,
                chunks, statistics);
  const FlatLaunch by_element = flat_launch(element_count(*call.output));
  stream.launch(name, {by_element.blocks, by_element.threads}, normalize, node, statistics);
}

constexpr Kernel kernel = {name, accepts_flat, plan, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList group_norm_kernels;
const KernelList group_norm_kernels = {list, 1};

} // namespace tubelet::cuda
