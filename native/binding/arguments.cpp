#include "binding/arguments.h"

#include "ops/error.h"
#include "ops/op.h"

#include <cmath>
#include <cstdio>
#include <optional>

namespace tubelet::binding {
namespace {

constexpr size_t longest_quote = 64;

std::string number_text(double value) {
  if (std::isnan(value))
    return "NaN";
  if (value == std::floor(value) && std::abs(value) < 0x1p63)
    return std::to_string(int64_t(value));
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// A typed array as Node-API tells it; none when the value is not one, or of a type unknown here.
struct ArrayInfo {
  const char *name;
  napi_typedarray_type type;
  size_t element_bytes;
  size_t length;
  void *data;
  napi_value memory;
};

std::optional<ArrayInfo> array_info(Napi::Value value) {
  struct Type {
    const char *name;
    size_t bytes;
  };
  static constexpr Type types[] = {
      // in the order of napi_typedarray_type
      {"an Int8Array", 1},    {"a Uint8Array", 1},     {"a Uint8ClampedArray", 1},
      {"an Int16Array", 2},   {"a Uint16Array", 2},    {"an Int32Array", 4},
      {"a Uint32Array", 4},   {"a Float32Array", 4},   {"a Float64Array", 8},
      {"a BigInt64Array", 8}, {"a BigUint64Array", 8}, {"a Float16Array", 2}};
  ArrayInfo info{};
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &info.type, &info.length, &info.data,
                               &info.memory, nullptr) != napi_ok ||
      size_t(info.type) >= std::size(types))
    return std::nullopt;
  info.name = types[info.type].name;
  info.element_bytes = types[info.type].bytes;
  return info;
}

} // namespace

std::string describe(Napi::Value value) {
  switch (value.Type()) {
  case napi_undefined:
    return "nothing";
  case napi_null:
    return "null";
  case napi_boolean:
    return value.As<Napi::Boolean>().Value() ? "true" : "false";
  case napi_number:
    return number_text(value.As<Napi::Number>().DoubleValue());
  case napi_string: {
    std::string quoted = value.As<Napi::String>().Utf8Value();
    if (quoted.size() > longest_quote)
      return "a text of " + std::to_string(quoted.size()) + " bytes";
    return '"' + quoted + '"';
  }
  case napi_symbol:
    return "a symbol";
  case napi_function:
    return "a function";
  case napi_bigint:
    return "a bigint";
  case napi_external:
    return "an external";
  case napi_object:
    break;
  }
  if (value.IsArray())
    return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  if (auto array = array_info(value))
    return std::string(array->name) + " of " + std::to_string(array->length);
  return "an object";
}

void refuse(const Argument &argument, const std::string &expected, Napi::Value got) {
  throw Error(ErrorCode::bad_input, argument.op,
              argument.what + " must be = " + expected + ", got " + describe(got));
}

int64_t whole_number(const Argument &argument, Napi::Value value, int64_t least, int64_t most) {
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= double(least) && number <= double(most)) || number != std::floor(number))
    refuse(argument, "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
           value);
  return int64_t(number);
}

std::string text(const Argument &argument, Napi::Value value) {
  if (!value.IsString())
    refuse(argument, "a string", value);
  std::string content = value.As<Napi::String>().Utf8Value();
  if (content.find('\0') != std::string::npos)
    throw Error(ErrorCode::bad_input, argument.op,
                argument.what + " must be = a string without null characters, got one with them");
  return content;
}

Napi::Object object(const Argument &argument, Napi::Value value) {
  if (!value.IsObject() || value.IsArray() || value.IsFunction())
    refuse(argument, "an object", value);
  return value.As<Napi::Object>();
}

namespace {

template <class Named> Named named(const Argument &argument, Napi::Value value, int count) {
  std::string expected;
  std::string given = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (int i = 0; i < count; i++) {
    if (given == name_of(Named(i)))
      return Named(i);
    expected += (i ? ", " : "") + std::string(name_of(Named(i)));
  }
  refuse(argument, "one of " + expected, value);
}

} // namespace

DType dtype(const Argument &argument, Napi::Value value) {
  return named<DType>(argument, value, dtype_count);
}

Precision precision(const Argument &argument, Napi::Value value) {
  return named<Precision>(argument, value, precision_count);
}

void each(const Argument &argument, Napi::Value value, int64_t count, int64_t most,
          const std::function<void(const Argument &, Napi::Value)> &visit) {
  std::string expected = count >= 0 ? "an array of " + std::to_string(count)
                                    : "an array of at most " + std::to_string(most);
  if (!value.IsArray())
    refuse(argument, expected, value);
  auto array = value.As<Napi::Array>();
  uint32_t length = array.Length();
  if (count >= 0 ? int64_t(length) != count : int64_t(length) > most)
    refuse(argument, expected, value);
  for (uint32_t i = 0; i < length; i++) {
    Napi::HandleScope scope(value.Env());
    visit({argument.op, argument.what + "[" + std::to_string(i) + "]"}, array.Get(i));
  }
}

std::vector<int64_t> whole_numbers(const Argument &argument, Napi::Value value, int64_t count,
                                   int64_t least, int64_t most) {
  std::vector<int64_t> numbers;
  each(argument, value, count, count, [&](const Argument &element, Napi::Value number) {
    numbers.push_back(whole_number(element, number, least, most));
  });
  return numbers;
}

View view(const Argument &argument, Napi::Value value) {
  if (auto array = array_info(value))
    return {static_cast<uint8_t *>(array->data), array->length * array->element_bytes};
  void *data = nullptr;
  size_t length = 0;
  if (!value.IsDataView() ||
      napi_get_dataview_info(value.Env(), value, &length, &data, nullptr, nullptr) != napi_ok)
    refuse(argument, "a typed array or DataView", value);
  return {static_cast<uint8_t *>(data), length};
}

std::atomic<int32_t> *cancel_flag(const Argument &argument, Napi::Value value) {
  static_assert(sizeof(std::atomic<int32_t>) == 4 && std::atomic<int32_t>::is_always_lock_free);
  auto array = array_info(value);
  if (!array || array->type != napi_int32_array || array->length == 0 ||
      Napi::Value(value.Env(), array->memory).IsArrayBuffer())
    refuse(argument, "an Int32Array over a SharedArrayBuffer", value);
  return static_cast<std::atomic<int32_t> *>(array->data);
}

bool is_kind(Napi::Value value, Kind kind) {
  if (!value.IsObject())
    return false;
  napi_type_tag tag = Instance::of(value.Env()).tag(kind);
  return value.As<Napi::Object>().CheckTypeTag(&tag);
}

} // namespace tubelet::binding
