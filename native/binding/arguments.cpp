#include "binding/arguments.h"

#include "ops/error.h"
#include "ops/op.h"

#include <cmath>
#include <cstdio>

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

const char *name_of_array(napi_typedarray_type type) {
  static constexpr const char *names[] = {
      "an Int8Array",   "a Uint8Array",    "a Uint8ClampedArray", "an Int16Array",
      "a Uint16Array",  "an Int32Array",   "a Uint32Array",       "a Float32Array",
      "a Float64Array", "a BigInt64Array", "a BigUint64Array"};
  return size_t(type) < std::size(names) ? names[type] : "a typed array";
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
  if (value.IsTypedArray()) {
    napi_typedarray_type type;
    size_t length;
    napi_get_typedarray_info(value.Env(), value, &type, &length, nullptr, nullptr, nullptr);
    return std::string(name_of_array(type)) + " of " + std::to_string(length);
  }
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

DType dtype(const Argument &argument, Napi::Value value) {
  std::string expected;
  std::string given = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (int i = 0; i < dtype_count; i++) {
    if (given == name_of(DType(i)))
      return DType(i);
    expected += (i ? ", " : "") + std::string(name_of(DType(i)));
  }
  refuse(argument, "one of " + expected, value);
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
  void *data = nullptr;
  size_t length = 0;
  if (value.IsTypedArray()) {
    napi_typedarray_type type;
    napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
    length *= value.As<Napi::TypedArray>().ElementSize();
  } else if (value.IsDataView()) {
    napi_get_dataview_info(value.Env(), value, &length, &data, nullptr, nullptr);
  } else {
    refuse(argument, "a typed array or DataView", value);
  }
  return {static_cast<uint8_t *>(data), length};
}

std::atomic<int32_t> *cancel_flag(const Argument &argument, Napi::Value value) {
  static_assert(sizeof(std::atomic<int32_t>) == 4 && std::atomic<int32_t>::is_always_lock_free);
  if (value.IsTypedArray()) {
    napi_typedarray_type type;
    size_t length = 0;
    void *data = nullptr;
    napi_value memory;
    napi_get_typedarray_info(value.Env(), value, &type, &length, &data, &memory, nullptr);
    bool is_private = Napi::Value(value.Env(), memory).IsArrayBuffer();
    if (type == napi_int32_array && length > 0 && !is_private)
      return static_cast<std::atomic<int32_t> *>(data);
  }
  refuse(argument, "an Int32Array over a SharedArrayBuffer", value);
}

bool is_kind(Napi::Value value, Kind kind) {
  if (!value.IsObject())
    return false;
  napi_type_tag tag = Instance::of(value.Env()).tag(kind);
  return value.As<Napi::Object>().CheckTypeTag(&tag);
}

} // namespace tubelet::binding
