#include "ops/attention.h"

#include <algorithm>

namespace tubelet {
namespace {

struct Segment {
  int32_t q_start, q_end, k_start, k_end;
  int64_t queries() const { return int64_t(q_end) - q_start; }
  int64_t keys() const { return int64_t(k_end) - k_start; }
};

std::span<const Segment> segments_of(const Tensor &segments) {
  return {static_cast<const Segment *>(segments.data), size_t(segments.shape[0])};
}

void require_heads(const NodeTypes &node, int input, int64_t heads) {
  if (node[input].shape[1] % heads != 0)
    fail_shape(node, std::string(Attention::inputs[input].name) + " columns must be",
               "a multiple of heads " + std::to_string(heads),
               std::to_string(node[input].shape[1]));
}

/// Pairs of query and key that take part.
double pairs_of(const Segment &segment, bool causal) {
  const double queries = double(segment.queries()), keys = double(segment.keys());
  if (!causal)
    return queries * keys;
  const double both = std::min(queries, keys);
  return both * (both + 1) / 2 + (queries - both) * keys;
}

void require_range(const char *name, size_t index, int32_t start, int32_t end, int64_t limit) {
  if (start < 0 || end < start || end > limit)
    fail_data("attention", "segments[" + std::to_string(index) + "] " + name + " range must be",
              "within 0 to " + std::to_string(limit),
              std::to_string(start) + " to " + std::to_string(end));
}

} // namespace

Shape Attention::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, q, inputs[q], 2);
  require_rank(node, k, inputs[k], 2);
  require_rank(node, v, inputs[v], 2);
  require_heads(node, q, attributes.heads);
  require_heads(node, v, attributes.heads);
  const int64_t tokens = node[k].shape[0];
  require_shape(node, k, inputs[k], {tokens, node[q].shape[1]});
  require_shape(node, v, inputs[v], {tokens, node[v].shape[1]});
  require_rank(node, segments, inputs[segments], 2);
  require_shape(node, segments, inputs[segments], {node[segments].shape[0], 4});
  if (node.has(bias)) {
    require_rank(node, bias, inputs[bias], 2);
    require_fixed(node, bias, inputs[bias]);
    require_shape(node, bias, inputs[bias], {node[bias].shape[0], attributes.heads});
    if (node[bias].shape[0] % 2 == 0)
      fail_shape(node, "bias rows must be", "odd", std::to_string(node[bias].shape[0]));
  }
  return {node[q].shape[0], node[v].shape[1]};
}

Cost Attention::cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes) {
  double pairs = double(inputs[q].shape[0]) * double(inputs[k].shape[0]);
  if (inputs[segments].data) {
    pairs = 0;
    for (const Segment &segment : segments_of(inputs[segments]))
      pairs += pairs_of(segment, attributes.causal);
  }
  return {2 * pairs * double(inputs[q].shape[1] + inputs[v].shape[1]),
          bytes_of_all(inputs, bias + 1) + 4 * elements_of(output)};
}

void Attention::check_data(const Tensor *inputs, const Tensor &, const Attributes &) {
  const auto list = segments_of(inputs[segments]);
  const int64_t reach = inputs[bias].rank > 0 ? (inputs[bias].shape[0] - 1) / 2 : 0;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (size_t i = 0; i < list.size(); i++) {
    require_range("q", i, list[i].q_start, list[i].q_end, inputs[q].shape[0]);
    require_range("k", i, list[i].k_start, list[i].k_end, inputs[k].shape[0]);
    if (list[i].queries() == 0)
      continue;
    ranges.push_back({list[i].q_start, list[i].q_end});
    const int64_t farthest = std::max(list[i].queries(), list[i].keys()) - 1;
    if (inputs[bias].rank > 0 && list[i].keys() > 0 && farthest > reach)
      fail_data("attention", "segments[" + std::to_string(i) + "] distances must be",
                "at most " + std::to_string(reach) + " as bias has them", std::to_string(farthest));
  }
  require_apart("attention", "segments q ranges", ranges);
}

} // namespace tubelet
