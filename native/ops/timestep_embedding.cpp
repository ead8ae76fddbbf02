#include "ops/timestep_embedding.h"

namespace tubelet {

Shape TimestepEmbedding::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, timestep, inputs[timestep], 1);
  if (attributes.max_period <= 0)
    fail_attribute(node, "attribute maxPeriod must be", "above 0", text_of(attributes.max_period));
  const int64_t half = attributes.dim / 2;
  if (half > 0 && attributes.downscale_freq_shift >= double(half))
    fail_attribute(node, "attribute downscaleFreqShift must be",
                   "below dim / 2, which is " + std::to_string(half),
                   text_of(attributes.downscale_freq_shift));
  return {node[timestep].shape[0], attributes.dim};
}

Cost TimestepEmbedding::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {40 * elements, bytes_of_all(inputs, timestep + 1) + 4 * elements};
}

} // namespace tubelet
