#include "ops/op.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace tubelet {

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Shape::Shape(std::initializer_list<int64_t> list) {
  for (int64_t dim : list)
    dims[rank++] = dim;
}

bool Shape::operator==(const Shape &other) const {
  if (rank != other.rank)
    return false;
  for (int i = 0; i < rank; i++)
    if (dims[i] != other.dims[i])
      return false;
  return true;
}

int64_t Shape::elements(int from) const {
  int64_t product = 1;
  for (int i = from; i < rank; i++)
    product *= dims[i];
  return product;
}

std::string Shape::text() const {
  std::string text = "[";
  for (int i = 0; i < rank; i++) {
    if (i > 0)
      text += ", ";
    text += dims[i] < 0 ? "symbol " + std::to_string(-1 - dims[i]) : std::to_string(dims[i]);
  }
  return text + "]";
}

size_t bytes_of(DType dtype) {
  switch (dtype) {
  case DType::f32:
  case DType::i32:
    return 4;
  case DType::f16:
  case DType::bf16:
    return 2;
  case DType::u8:
  case DType::i8:
    return 1;
  }
  return 0;
}

const char *name_of(DType dtype) {
  static constexpr const char *names[dtype_count] = {"f32", "f16", "bf16", "i32", "u8", "i8"};
  return names[int(dtype)];
}

// ---- attributes ---------------------------------------------------------------------------------

AttributeReader::AttributeReader(std::string_view op, std::span<const AttributeEntry> entries)
    : op(op), entries(entries), used(entries.size(), false) {}

const AttributeEntry &AttributeReader::find(const char *name) {
  const AttributeEntry *found = nullptr;
  for (size_t i = 0; i < entries.size(); i++) {
    if (entries[i].name != name)
      continue;
    if (found)
      throw Error(ErrorCode::bad_attribute, std::string(op),
                  std::string("attribute ") + name + " must be given = once, got twice");
    found = &entries[i];
    used[i] = true;
  }
  if (!found)
    throw Error(ErrorCode::bad_attribute, std::string(op),
                std::string("attribute ") + name + " must be given = once, got none");
  return *found;
}

double AttributeReader::number(const char *name) {
  const double *value = std::get_if<double>(&find(name).value);
  if (!value || !std::isfinite(*value))
    throw Error(ErrorCode::bad_attribute, std::string(op),
                std::string("attribute ") + name + " must be = a finite number, got " +
                    (value ? "a number that is not" : "text"));
  return *value;
}

void AttributeReader::field(const char *name, double &value, double least) {
  value = number(name);
  if (value < least)
    throw Error(ErrorCode::bad_attribute, std::string(op),
                std::string("attribute ") + name + " must be = at least " + text_of(least) +
                    ", got " + text_of(value));
}

void AttributeReader::field(const char *name, int64_t &value, int64_t least) {
  double given = number(name);
  if (given != std::floor(given) || given < double(least) || given > 0x1p31)
    throw Error(ErrorCode::bad_attribute, std::string(op),
                std::string("attribute ") + name + " must be = an integer from " +
                    std::to_string(least) + " to 2^31, got " + text_of(given));
  value = int64_t(given);
}

void AttributeReader::field(const char *name, bool &value) {
  double given = number(name);
  if (given != 0 && given != 1)
    throw Error(ErrorCode::bad_attribute, std::string(op),
                std::string("attribute ") + name + " must be = 0 or 1, got " + text_of(given));
  value = given == 1;
}

int AttributeReader::choice(const char *name, std::initializer_list<const char *> choices) {
  const std::string *given = std::get_if<std::string>(&find(name).value);
  int index = 0;
  std::string listed;
  for (const char *choice : choices) {
    if (given && *given == choice)
      return index;
    listed += (index ? ", " : "") + std::string(choice);
    index++;
  }
  throw Error(ErrorCode::bad_attribute, std::string(op),
              std::string("attribute ") + name + " must be one of = " + listed + ", got " +
                  (given ? '"' + *given + '"' : "a number"));
}

void AttributeReader::finish() const {
  for (size_t i = 0; i < entries.size(); i++)
    if (!used[i])
      throw Error(ErrorCode::bad_attribute, std::string(op),
                  "attributes must be = those of the op, got \"" + entries[i].name + '"');
}

// ---- checks -------------------------------------------------------------------------------------

namespace {
[[noreturn]] void fail(ErrorCode code, std::string_view op, const std::string &what,
                       const std::string &expected, const std::string &got) {
  throw Error(code, std::string(op), what + " = " + expected + ", got " + got);
}
} // namespace

void fail_shape(const NodeTypes &node, const std::string &what, const std::string &expected,
                const std::string &got) {
  fail(ErrorCode::bad_shape, node.op, what, expected, got);
}

void fail_attribute(const NodeTypes &node, const std::string &what, const std::string &expected,
                    const std::string &got) {
  fail(ErrorCode::bad_attribute, node.op, what, expected, got);
}

void fail_data(std::string_view op, const std::string &what, const std::string &expected,
               const std::string &got) {
  fail(ErrorCode::bad_input, op, what, expected, got);
}

void require_rank(const NodeTypes &node, int input, const InputSpec &spec, int rank) {
  if (node[input].shape.rank != rank)
    fail_shape(node, std::string(spec.name) + " rank must be", std::to_string(rank),
               node[input].shape.text());
}

void require_shape(const NodeTypes &node, int input, const InputSpec &spec, const Shape &expected) {
  if (!(node[input].shape == expected))
    fail_shape(node, std::string(spec.name) + " shape must be", expected.text(),
               node[input].shape.text());
}

void require_columns(const NodeTypes &node, int input, const InputSpec &spec, int64_t least) {
  if (node[input].shape.last() < least)
    fail_shape(node, std::string(spec.name) + " columns must be",
               "at least " + std::to_string(least), std::to_string(node[input].shape.last()));
}

void require_fixed(const NodeTypes &node, int input, const InputSpec &spec) {
  if (node[input].shape.is_symbolic())
    fail_shape(node, std::string(spec.name) + " dim 0 must be", "a number",
               node[input].shape.text());
}

int64_t require_product(const NodeTypes &node, const std::string &what,
                        std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors)
    if (__builtin_mul_overflow(product, factor, &product) || product > max_elements)
      fail_shape(node, what + " must be", "at most 2^44", "more");
  return product;
}

int64_t declared_dim(const NodeTypes &node) {
  if (node.declared_outputs.size() != 1 || node.declared_outputs[0].shape.rank < 1)
    fail(ErrorCode::bad_graph, node.op, "declared outputs must be", "one of rank 1 or more",
         std::to_string(node.declared_outputs.size()));
  return node.declared_outputs[0].shape[0];
}

void require_apart(std::string_view op, const std::string &what,
                   std::vector<std::pair<int64_t, int64_t>> &ranges) {
  std::sort(ranges.begin(), ranges.end());
  auto text = [](const std::pair<int64_t, int64_t> &range) {
    return std::to_string(range.first) + " to " + std::to_string(range.second);
  };
  for (size_t i = 1; i < ranges.size(); i++)
    if (ranges[i].first < ranges[i - 1].second)
      fail_data(op, what + " must be", "apart", text(ranges[i - 1]) + " and " + text(ranges[i]));
}

double elements_of(const Tensor &tensor) {
  double elements = 1;
  for (int i = 0; i < tensor.rank; i++)
    elements *= double(tensor.shape[i]);
  return elements;
}

double bytes_of_all(const Tensor *inputs, int count) {
  double bytes = 0;
  for (int i = 0; i < count; i++)
    if (inputs[i].rank > 0)
      bytes += elements_of(inputs[i]) * double(bytes_of(inputs[i].dtype));
  return bytes;
}

void require_indices(std::string_view op, const char *input, const Tensor &indices, int64_t least,
                     int64_t limit) {
  const auto *values = static_cast<const int32_t *>(indices.data);
  int64_t count = 1;
  for (int i = 0; i < indices.rank; i++)
    count *= indices.shape[i];
  for (int64_t i = 0; i < count; i++)
    if (values[i] < least || values[i] >= limit)
      fail_data(op, std::string(input) + "[" + std::to_string(i) + "] must be",
                "at least " + std::to_string(least) + " and below " + std::to_string(limit),
                std::to_string(values[i]));
}

} // namespace tubelet
