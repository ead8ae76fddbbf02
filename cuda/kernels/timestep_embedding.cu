// Timestep embedding: float32 arguments, sin and cos in double rounded once, as the CPU does it. There
// are few rows, so that double precision costs nothing.
#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/timestep_embedding.h"

#include <cmath>

namespace tubelet::cuda {
namespace {

constexpr const char *name = "timestep_embedding.elementwise";

struct Node {
  const float *timestep;
  float *y;
  int64_t rows, dim;
  float rate, steps, scale;
  bool is_cos_first;
};

/// a · b + c rounded to float32, as the CPU does it: the product is exact in double.
__device__ float multiply_add(float a, float b, float c) {
  return float(double(a) * double(b) + double(c));
}

/// e(x) of the op's formula; the ends are 0 and infinity in float32.
__device__ float exponential(float x) {
  constexpr float steps = 0x1.715476p+4f, high_step = 0x1.62e43p-5f, low_step = -0x1.05c61p-33f;
  constexpr float square = 0x1.0001ecp-1f, cube = 0x1.55570ap-3f;
  x = fminf(fmaxf(x, -150.0f), 150.0f);
  const float k = float(floor(double(__fmul_rn(x, steps)) + 0.5));
  const float r = multiply_add(-k, low_step, multiply_add(-k, high_step, x));
  const float p = multiply_add(__fmul_rn(r, r), multiply_add(cube, r, square), r);
  const float octave = floorf(k / 16.0f);
  const double power = exp2(double(k) / 16.0 - double(octave));
  const float high = float(power), low = float(power - double(high));
  return float(ldexp(double(high + multiply_add(high, p, low)), int(octave)));
}

__global__ void timestep_embedding(const Node node) {
  const uint32_t half = uint32_t(node.dim / 2), by_row = uint32_t(node.dim - half);
  each_item(node.rows * by_row, [&](uint32_t item) {
    const uint32_t row = item / by_row, i = item % by_row;
    float *y = node.y + row * node.dim;
    if (i >= half) { // the last column of an odd dim
      y[node.dim - 1] = 0.0f;
      return;
    }
    const float exponent = __fdiv_rn(__fmul_rn(node.rate, float(i)), node.steps);
    const float frequency = exponential(exponent);
    const float angle = __fmul_rn(node.scale, __fmul_rn(node.timestep[row], frequency));
    double sine, cosine;
    sincos(double(angle), &sine, &cosine);
    y[node.is_cos_first ? i : half + i] = float(cosine);
    y[node.is_cos_first ? half + i : i] = float(sine);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const TimestepEmbedding::Attributes *>(call.attributes);
  const int64_t rows = call.output->shape[0], dim = attributes.dim;
  if (rows == 0)
    return;
  const Node node{floats(call.inputs[TimestepEmbedding::timestep]),
                  floats_out(*call.output),
                  rows,
                  dim,
                  float(-std::log(attributes.max_period)),
                  float(double(dim / 2) - attributes.downscale_freq_shift),
                  float(attributes.scale),
                  attributes.flip_sin_to_cos};
  Stream &stream = stream_of(pool);
  const FlatLaunch shape = flat_launch(rows * (dim - dim / 2));
  stream.launch(name, {shape.blocks, shape.threads}, timestep_embedding, node);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList timestep_embedding_kernels;
const KernelList timestep_embedding_kernels = {list, 1};

} // namespace tubelet::cuda
