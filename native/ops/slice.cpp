#include "ops/slice.h"

namespace tubelet {

Shape Slice::output_shape(const NodeTypes &node, const Attributes &attributes) {
  Shape shape = node[x].shape;
  int axis = int(attributes.axis);
  if (axis != 0 && axis != shape.rank - 1)
    fail_shape(node, "axis must be", "0 or " + std::to_string(shape.rank - 1),
               std::to_string(axis));
  if (shape[axis] < 0)
    fail_shape(node, "the sliced axis must be", "a fixed size", shape.text());
  if (attributes.start >= attributes.end || attributes.end > shape[axis])
    fail_shape(node, "start and end must be", "a range within " + std::to_string(shape[axis]),
               std::to_string(attributes.start) + " to " + std::to_string(attributes.end));
  shape.dims[axis] = attributes.end - attributes.start;
  return shape;
}

ViewPlacement Slice::place(const Shape &from, int64_t row_stride, const Attributes &attributes) {
  if (attributes.axis == from.rank - 1)
    return {.offset = attributes.start, .keeps_row_stride = from.rank > 1};
  int64_t rows = from.elements(1) / from.last();
  return {.offset = attributes.start * rows * row_stride, .keeps_row_stride = true};
}

} // namespace tubelet
