#include "core/graph.h"
#include "core/kernel.h"

#include <bit>
#include <cstring>

namespace tubelet {
namespace {

constexpr uint32_t magic = 0x474C4254; // "TBLG"
constexpr uint32_t version = 1;
constexpr uint32_t absent = 0xFFFFFFFF;
constexpr uint32_t longest_name = 1024;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

[[noreturn]] void fail(const std::string &message) {
  throw Error(ErrorCode::bad_graph, "graph", message);
}

class Reader {
public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes(bytes) {}

  template <class T> T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  /// A count of things that take at least `least_bytes` each: no larger than what is left can hold.
  uint32_t count(size_t least_bytes, const char *what) {
    uint32_t n = get<uint32_t>();
    if (n > (bytes.size() - at) / least_bytes)
      fail(std::string("count of ") + what + " must fit = the bytes that follow, got " +
           std::to_string(n));
    return n;
  }

  std::string text() {
    uint32_t length = get<uint32_t>();
    if (length > longest_name)
      fail("a name must be = at most " + std::to_string(longest_name) + " bytes, got " +
           std::to_string(length));
    return std::string(reinterpret_cast<const char *>(take(length)), length);
  }

  std::vector<uint8_t> blob() {
    uint32_t length = get<uint32_t>();
    const uint8_t *from = take(length);
    return std::vector<uint8_t>(from, from + length);
  }

  bool at_end() const { return at == bytes.size(); }

private:
  const uint8_t *take(size_t count) {
    if (count > bytes.size() - at)
      fail("bytes must be = complete, got an end at " + std::to_string(bytes.size()));
    const uint8_t *from = bytes.data() + at;
    at += count;
    return from;
  }

  std::span<const uint8_t> bytes;
  size_t at = 0;
};

Shape read_shape(Reader &reader, size_t symbols) {
  Shape shape;
  shape.rank = reader.get<uint8_t>();
  if (shape.rank < 1 || shape.rank > max_rank)
    fail("rank must be = 1 to " + std::to_string(max_rank) + ", got " + std::to_string(shape.rank));
  int64_t elements = 1;
  for (int axis = 0; axis < shape.rank; axis++) {
    int64_t dim = reader.get<int64_t>();
    bool is_symbol = axis == 0 && dim < 0 && dim >= -int64_t(symbols);
    if (!is_symbol && (dim < 1 || dim > max_elements / elements))
      fail("dim " + std::to_string(axis) + " must be = a positive size or, first, a symbol, got " +
           std::to_string(dim));
    if (!is_symbol)
      elements *= dim;
    shape.dims[axis] = dim;
  }
  return shape;
}

GraphTensor read_tensor(Reader &reader, size_t symbols) {
  GraphTensor tensor;
  tensor.name = reader.text();
  uint8_t kind = reader.get<uint8_t>(), dtype = reader.get<uint8_t>();
  if (kind > 3 || dtype >= dtype_count)
    fail("tensor \"" + tensor.name + "\" kind and dtype must be = known, got " +
         std::to_string(kind) + " and " + std::to_string(dtype));
  tensor.kind = TensorKind(kind);
  tensor.dtype = DType(dtype);
  tensor.shape = read_shape(reader, symbols);
  bool is_fixed = tensor.kind == TensorKind::weight || tensor.kind == TensorKind::constant;
  if (is_fixed && tensor.shape.is_symbolic())
    fail("tensor \"" + tensor.name + "\" shape must be = fixed for a weight or constant, got " +
         tensor.shape.text());
  if (tensor.kind == TensorKind::constant) {
    tensor.constant = reader.blob();
    uint64_t expected = uint64_t(tensor.shape.elements()) * bytes_of(tensor.dtype);
    if (tensor.constant.size() != expected)
      fail("constant \"" + tensor.name + "\" bytes must be = " + std::to_string(expected) +
           ", got " + std::to_string(tensor.constant.size()));
  }
  return tensor;
}

int read_tensor_id(Reader &reader, const Graph &graph, bool may_be_absent = false) {
  uint32_t id = reader.get<uint32_t>();
  if (may_be_absent && id == absent)
    return -1;
  if (id >= graph.tensors.size())
    fail("tensor id must be = below " + std::to_string(graph.tensors.size()) + ", got " +
         std::to_string(id));
  return int(id);
}

std::vector<AttributeEntry> read_attributes(Reader &reader) {
  std::vector<AttributeEntry> entries(reader.count(13, "attributes"));
  for (AttributeEntry &entry : entries) {
    entry.name = reader.text();
    uint8_t type = reader.get<uint8_t>();
    if (type > 1)
      fail("attribute type must be = 0 or 1, got " + std::to_string(type));
    if (type == 0)
      entry.value = reader.get<double>();
    else
      entry.value = reader.text();
  }
  return entries;
}

[[noreturn]] void fail_node(const GraphNode &node, const std::string &message) {
  throw Error(ErrorCode::bad_graph, node.op->name, message + " (node \"" + node.name + "\")");
}

/// Presence, kind and dtype of every input, then the op's own rule for the output's shape.
void check_node(const Graph &graph, const GraphNode &node) {
  const OpDefinition &op = *node.op;
  size_t most = op.is_variadic ? size_t(max_inputs) : op.inputs.size();
  if (node.inputs.size() < op.inputs.size() || node.inputs.size() > most)
    fail_node(node, "inputs must be = " + std::to_string(op.inputs.size()) +
                        (op.is_variadic ? " or more" : "") + ", got " +
                        std::to_string(node.inputs.size()));
  std::vector<TensorType> types(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); i++) {
    const InputSpec &spec = op.inputs[std::min(i, op.inputs.size() - 1)];
    if (node.inputs[i] < 0) {
      if (!spec.optional)
        fail_node(node, std::string(spec.name) + " must be = present, got none");
      continue;
    }
    const GraphTensor &tensor = graph.tensors[node.inputs[i]];
    if (tensor.kind == TensorKind::intermediate && tensor.producer < 0)
      fail_node(node, std::string(spec.name) + " must be = computed before it is used, got \"" +
                          tensor.name + '"');
    DType wanted = spec.kind == InputKind::index ? DType::i32 : DType::f32;
    if (tensor.dtype != wanted)
      fail_node(node, std::string(spec.name) + " dtype must be = " + name_of(wanted) + ", got " +
                          name_of(tensor.dtype));
    if (spec.kind == InputKind::weight && tensor.kind != TensorKind::weight)
      fail_node(node, std::string(spec.name) + " must be = a weight, got \"" + tensor.name + '"');
    types[i] = {tensor.shape, tensor.dtype, tensor.kind == TensorKind::weight, true};
  }
  const GraphTensor &output = graph.tensors[node.output];
  TensorType declared{output.shape, output.dtype, false, true};
  NodeTypes seen{op.name, types, {&declared, 1}};
  Shape expected = op.output_shape(seen, node.attributes.get());
  if (!(expected == output.shape))
    throw Error(ErrorCode::bad_shape, op.name,
                "output shape must be = " + expected.text() + ", got " + output.shape.text());
  DType dtype = op.is_view ? types[0].dtype : DType::f32;
  if (output.dtype != dtype)
    fail_node(node, std::string("output dtype must be = ") + name_of(dtype) + ", got " +
                        name_of(output.dtype));
}

void read_node(Reader &reader, Graph &graph) {
  GraphNode node;
  std::string op = reader.text();
  node.op = find_op(op);
  if (!node.op)
    fail("op must be = one of the table, got \"" + op + '"');
  node.name = reader.text();
  node.inputs.resize(reader.count(4, "node inputs"));
  for (int &input : node.inputs)
    input = read_tensor_id(reader, graph, true);
  if (reader.count(4, "node outputs") != 1)
    fail_node(node, "outputs must be = 1, got another count");
  node.output = read_tensor_id(reader, graph);
  std::vector<AttributeEntry> entries = read_attributes(reader);
  AttributeReader attributes(node.op->name, entries);
  node.attributes = node.op->read_attributes(attributes);
  GraphTensor &output = graph.tensors[node.output];
  if (output.kind != TensorKind::intermediate || output.producer >= 0)
    fail_node(node,
              "output must be = a tensor that nothing else gives, got \"" + output.name + '"');
  check_node(graph, node);
  output.producer = int(graph.nodes.size());
  graph.nodes.push_back(std::move(node));
}

} // namespace

std::shared_ptr<const Graph> Graph::parse(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  auto graph = std::make_shared<Graph>();
  if (reader.get<uint32_t>() != magic)
    fail("first bytes must be = TBLG, got others");
  if (uint32_t got = reader.get<uint32_t>(); got != version)
    fail("version must be = " + std::to_string(version) + ", got " + std::to_string(got));

  graph->symbols.resize(reader.count(4, "symbols"));
  for (std::string &symbol : graph->symbols)
    symbol = reader.text();

  uint32_t tensors = reader.count(15, "tensors");
  graph->tensors.reserve(tensors);
  for (uint32_t i = 0; i < tensors; i++) {
    graph->tensors.push_back(read_tensor(reader, graph->symbols.size()));
    if (graph->tensors.back().kind == TensorKind::weight)
      graph->weights.push_back(int(i));
  }

  uint32_t nodes = reader.count(24, "nodes");
  graph->nodes.reserve(nodes);
  for (uint32_t i = 0; i < nodes; i++)
    read_node(reader, *graph);

  graph->inputs.resize(reader.count(4, "inputs"));
  std::vector<bool> listed(tensors, false);
  for (int &input : graph->inputs) {
    input = read_tensor_id(reader, *graph);
    if (graph->tensors[input].kind != TensorKind::input || listed[input])
      fail("an input must be = an input tensor, listed once, got \"" + graph->tensors[input].name +
           '"');
    listed[input] = true;
  }
  for (uint32_t i = 0; i < tensors; i++)
    if (graph->tensors[i].kind == TensorKind::input && !listed[i])
      fail("every input tensor must be = listed, got \"" + graph->tensors[i].name + '"');

  graph->outputs.resize(reader.count(4, "outputs"));
  for (int &output : graph->outputs) {
    output = read_tensor_id(reader, *graph);
    const GraphTensor &tensor = graph->tensors[output];
    if (tensor.kind == TensorKind::intermediate && tensor.producer < 0)
      fail("an output must be = computed by a node, got \"" + tensor.name + '"');
    if (tensor.kind == TensorKind::weight)
      fail("an output must be = computed, constant or an input, got the weight \"" + tensor.name +
           '"');
  }
  if (graph->outputs.empty())
    fail("outputs must be = at least 1, got 0");
  if (!reader.at_end())
    fail("bytes must be = used up, got more after the outputs");
  return graph;
}

} // namespace tubelet
