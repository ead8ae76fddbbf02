#include "ops/unpatchify.h"

namespace tubelet {

Shape Unpatchify::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, tokens, inputs[tokens], 2);
  require_shape(node, tokens, inputs[tokens],
                {node[tokens].shape[0], require_patch_elements(node, attributes)});
  require_rank(node, geometry, inputs[geometry], 2);
  require_shape(node, geometry, inputs[geometry], {node[geometry].shape[0], 5});
  return {declared_dim(node)};
}

Cost Unpatchify::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, geometry + 1) + 4 * elements_of(output)};
}

void Unpatchify::check_data(const Tensor *inputs, const Tensor &output,
                            const Attributes &attributes) {
  require_geometry("unpatchify", inputs[geometry], attributes, output.shape[0],
                   inputs[tokens].shape[0], PatchSide::elements);
}

} // namespace tubelet
