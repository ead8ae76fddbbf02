#include "ops/convolution.h"

namespace tubelet {
namespace {

int64_t output_size(const NodeTypes &node, const char *axis, int64_t size, int64_t kernel,
                    int64_t stride) {
  if (size < kernel)
    fail_shape(node, std::string("padded x along ") + axis + " must be",
               "at least the kernel's " + std::to_string(kernel), std::to_string(size));
  return (size - kernel) / stride + 1;
}

} // namespace

Shape Convolution::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 4);
  require_fixed(node, x, inputs[x]);
  require_rank(node, weight, inputs[weight], 5);
  require_fixed(node, weight, inputs[weight]);
  const Shape &in = node[x].shape, &w = node[weight].shape;
  require_shape(node, weight, inputs[weight], {w[0], in[3], w[2], w[3], w[4]});
  if (attributes.upsample > 2)
    fail_attribute(node, "attribute upsample must be", "1 or 2",
                   std::to_string(attributes.upsample));
  if (node.has(bias))
    require_shape(node, bias, inputs[bias], {w[0]});
  if (node.has(cache)) {
    require_rank(node, cache, inputs[cache], 4);
    require_fixed(node, cache, inputs[cache]);
    const int64_t frames = node[cache].shape[0];
    require_shape(node, cache, inputs[cache], {frames, in[1], in[2], in[3]});
    if (frames > attributes.pad_front)
      fail_shape(node, "cache frames must be",
                 "at most padFront " + std::to_string(attributes.pad_front),
                 std::to_string(frames));
  }
  const int64_t up = attributes.upsample;
  const int64_t height = attributes.pad_top + up * in[1] + attributes.pad_bottom;
  const int64_t width = attributes.pad_left + up * in[2] + attributes.pad_right;
  const Shape output = {
      output_size(node, "time", attributes.pad_front + in[0], w[2], attributes.stride_t),
      output_size(node, "height", height, w[3], attributes.stride_h),
      output_size(node, "width", width, w[4], attributes.stride_w), w[0]};
  if (node.has(residual))
    require_shape(node, residual, inputs[residual], output);
  return output;
}

Cost Convolution::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double products = elements_of(inputs[weight]) / double(inputs[weight].shape[0]);
  return {2 * elements_of(output) * products,
          bytes_of_all(inputs, residual + 1) + 4 * elements_of(output)};
}

} // namespace tubelet
