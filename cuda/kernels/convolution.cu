// Convolution as an implicit matrix product: an output pixel is a row of A whose elements, tap by tap and
// channel by channel, are read where they lie in x or the cache. Stride, padding, the streaming cache and
// nearest upsampling are arithmetic on a pixel's place; nothing is unrolled into columns. Channels are
// counted in fours, so that four neighbouring elements are of one tap.
#include "fma_tile.cuh"
#include "mma_tile.cuh"
#include "ops/convolution.h"
#include "pack.h"

namespace tubelet::cuda {
namespace {

constexpr const char *tensor_name = "convolution.tensor_cores", *plain_name = "convolution.tiles";

struct Kernel3d {
  int32_t frames, height, width, channels, padded_channels;

  explicit Kernel3d(const Tensor &weight)
      : frames(int32_t(weight.shape[2])), height(int32_t(weight.shape[3])),
        width(int32_t(weight.shape[4])), channels(int32_t(weight.shape[1])),
        padded_channels((channels + 3) / 4 * 4) {}

  int64_t taps() const { return int64_t(frames) * height * width; }
  int64_t depth() const { return taps() * padded_channels; }
};

/// The output's pixels as rows of A.
struct Pixels {
  const float *x, *cache;
  int64_t x_stride, cache_stride, rows;
  int32_t height, width, cached_frames, output_height, output_width;
  int32_t stride_t, stride_h, stride_w, pad_front, pad_top, pad_left, upsample;
  int32_t depth;
  Kernel3d kernel;
  bool is_aligned;

  Pixels(const Convolution::Attributes &attributes, const Tensor &x, const Tensor &cache,
         const Tensor &weight, const Tensor &y)
      : x(floats(x)), cache(floats(cache)), x_stride(x.row_stride), cache_stride(cache.row_stride),
        rows(rows_of(y)), height(int32_t(x.shape[1])), width(int32_t(x.shape[2])),
        cached_frames(int32_t(cache.rank > 0 ? cache.shape[0] : 0)),
        output_height(int32_t(y.shape[1])), output_width(int32_t(y.shape[2])),
        stride_t(int32_t(attributes.stride_t)), stride_h(int32_t(attributes.stride_h)),
        stride_w(int32_t(attributes.stride_w)), pad_front(int32_t(attributes.pad_front)),
        pad_top(int32_t(attributes.pad_top)), pad_left(int32_t(attributes.pad_left)),
        upsample(int32_t(attributes.upsample)), depth(int32_t(Kernel3d(weight).depth())),
        kernel(weight), is_aligned(is_vectored(x) && (cache.rank == 0 || is_vectored(cache))) {}

  /// Of the first tap; frames from the first of x, so that the cache's are below 0.
  struct Place {
    int32_t frame, y, x;
    bool is_there;
  };
  __device__ Place row(int64_t pixel) const {
    const int64_t line = pixel / output_width, frame = line / output_height;
    return {int32_t(frame) * stride_t - pad_front,
            int32_t(line % output_height) * stride_h - pad_top,
            int32_t(pixel % output_width) * stride_w - pad_left, pixel < rows};
  }

  /// A tap and its first channel.
  struct Column {
    int32_t frame, y, x, channel;
    bool is_there;
  };
  __device__ Column column(int64_t k) const {
    const uint32_t element = uint32_t(k), tap = element / uint32_t(kernel.padded_channels);
    const uint32_t line = tap / uint32_t(kernel.width);
    return {int32_t(line / uint32_t(kernel.height)), int32_t(line % uint32_t(kernel.height)),
            int32_t(tap % uint32_t(kernel.width)),
            int32_t(element % uint32_t(kernel.padded_channels)), element < uint32_t(depth)};
  }

  __device__ Four load(const Place &place, const Column &column) const {
    const int32_t frame = place.frame + column.frame;
    const int32_t at_y = place.y + column.y, at_x = place.x + column.x;
    const bool is_inside = at_y >= 0 && at_y < upsample * height && at_x >= 0 &&
                           at_x < upsample * width && frame >= -cached_frames;
    if (!place.is_there || !column.is_there || !is_inside)
      return {};
    const int32_t source_y = upsample == 2 ? at_y / 2 : at_y;
    const int32_t source_x = upsample == 2 ? at_x / 2 : at_x;
    const int64_t pixel =
        (int64_t(frame < 0 ? frame + cached_frames : frame) * height + source_y) * width + source_x;
    const float *channels = frame < 0 ? cache + pixel * cache_stride : x + pixel * x_stride;
    return Row<const float>{channels, kernel.channels, is_aligned}.load(column.channel);
  }
};

constexpr int64_t most = INT32_MAX / 2;

const char *accepts(const NodeSpec &node) {
  const Tensor &x = node.inputs[Convolution::x], &y = *node.output;
  if (!node.is_weight[Convolution::weight])
    return "weight must be constant to be packed";
  if (Kernel3d(node.inputs[Convolution::weight]).depth() > most)
    return "it counts at most 1073741823 products of an output";
  const auto &a = *static_cast<const Convolution::Attributes *>(node.attributes);
  for (int64_t size : {2 * x.shape[1], 2 * x.shape[2], y.shape[1] * a.stride_h + a.pad_top,
                       y.shape[2] * a.stride_w + a.pad_left, y.shape[0] * a.stride_t + a.pad_front})
    if (size > most)
      return "it counts at most 1073741823 pixels of a line";
  return element_count(y) / 4 > INT32_MAX ? "a grid has at most 2147483647 blocks" : nullptr;
}

const char *accepts_tensor(const NodeSpec &node) {
  return node.precision < Precision::bf16 ? "the plan asks for more precision" : accepts(node);
}

/// Elements of a packed row.
template <class Element> int64_t row_elements(const Kernel3d &kernel) {
  return std::is_same_v<Element, float> ? kernel.depth() : packed_depth(kernel.depth());
}

template <class Element> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Convolution::weight];
  needs.weight_form[Convolution::weight] = WeightForm::packed;
  needs.packed_bytes[Convolution::weight] =
      size_t(weight.shape[0] * row_elements<Element>(Kernel3d(weight))) * sizeof(Element);
}

template <class Element>
void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const Kernel3d kernel(node.inputs[Convolution::weight]);
  const int64_t taps = kernel.taps(), width = row_elements<Element>(kernel);
  auto *to = static_cast<Element *>(packed) + rows.first_row * width;
  for (int64_t row = 0; row < rows.rows; row++, to += width)
    for (int64_t channel = 0; channel < kernel.channels; channel++)
      for (int64_t tap = 0; tap < taps; tap++) {
        const float value = stored_value(rows, row * rows.row_elements + channel * taps + tap);
        Element &element = to[tap * kernel.padded_channels + channel];
        if constexpr (std::is_same_v<Element, float>)
          element = value;
        else
          element = bfloat_of(value);
      }
}

template <class Element> void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Convolution::Attributes *>(call.attributes);
  const Tensor *in = call.inputs;
  const Tensor &weight = in[Convolution::weight], &y = *call.output;
  const Pixels pixels(attributes, in[Convolution::x], in[Convolution::cache], weight, y);
  const Epilogue epilogue = epilogue_of(y, in[Convolution::bias], {}, {}, 0,
                                        in[Convolution::residual], attributes.activation);
  Stream &stream = stream_of(pool);
  if constexpr (std::is_same_v<Element, float>)
    launch_fma(stream, plain_name, pixels.rows, weight.shape[0], pixels.depth, pixels,
               StoredWeight<float>{floats(weight), weight.shape[0], pixels.depth,
                                   is_vectored_start(weight)},
               epilogue);
  else
    launch_mma(stream, tensor_name, pixels.rows, weight.shape[0], pixels.depth, pixels,
               static_cast<const uint16_t *>(weight.data), epilogue);
}

constexpr Kernel tensor_cores = {tensor_name,    accepts_tensor, plan<uint16_t>,
                                 pack<uint16_t>, run<uint16_t>,  Precision::bf16};
constexpr Kernel tiles = {plain_name, accepts, plan<float>, pack<float>, run<float>};
constexpr const Kernel *list[] = {&tensor_cores, &tiles};

} // namespace

extern const KernelList convolution_kernels;
const KernelList convolution_kernels = {list, 2};

} // namespace tubelet::cuda
