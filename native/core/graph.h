// A graph as it crossed from TypeScript, checked: node order, arity, attributes, shapes. The format
// is little-endian and sequential; nothing in it is trusted. See docs/graph-format.md.
#pragma once

#include "ops/op.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tubelet {

enum class TensorKind : uint8_t { intermediate = 0, input = 1, weight = 2, constant = 3 };

struct GraphTensor {
  std::string name;
  TensorKind kind = TensorKind::intermediate;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<uint8_t> constant;
  int producer = -1; ///< node, or -1
};

struct GraphNode {
  const OpDefinition *op = nullptr;
  std::string name;
  std::vector<int> inputs; ///< tensor ids; -1 where absent
  int output = -1;
  std::shared_ptr<const void> attributes;
};

/// Immutable once parsed; plans share it.
class Graph {
public:
  /// Throws Error bad_graph, bad_attribute or bad_shape.
  static std::shared_ptr<const Graph> parse(std::span<const uint8_t> bytes);

  std::vector<std::string> symbols;
  std::vector<GraphTensor> tensors;
  std::vector<GraphNode> nodes;
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::vector<int> weights; ///< in order of the file
};

} // namespace tubelet
