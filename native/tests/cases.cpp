#include "tests/cases.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tubelet {
namespace {

Shape shape_of(const Json &list) {
  Shape shape;
  if (list.list.size() > size_t(max_rank))
    throw std::runtime_error("rank must be at most 5");
  for (const Json &dim : list.list)
    shape.dims[shape.rank++] = int64_t(dim.number);
  return shape;
}

DType dtype_of(const std::string &name) {
  for (int i = 0; i < dtype_count; i++)
    if (name == name_of(DType(i)))
      return DType(i);
  throw std::runtime_error("no dtype \"" + name + '"');
}

InputCase input_of(const InputSpec &spec, const Json &json) {
  InputCase input;
  input.spec = &spec;
  if (spec.kind == InputKind::index)
    input.dtype = DType::i32;
  if (json.kind == Json::Kind::list) {
    input.shape = shape_of(json);
    return input;
  }
  for (const auto &[name, value] : json.members) {
    if (name == "shape")
      input.shape = shape_of(value);
    else if (name == "dtype")
      input.dtype = dtype_of(value.text);
    else if (name == "stride")
      input.stride = int64_t(value.number);
    else if (name == "range" && value.list.size() == 2)
      input.low = value.list[0].number, input.high = value.list[1].number;
    else if (name == "special")
      input.special_one_in = value.number > 1 ? int64_t(value.number) : 8;
    else if (name == "values")
      for (const Json &entry : value.list)
        input.values.push_back(entry.number);
    else
      throw std::runtime_error("no field \"" + name + "\" of an input");
  }
  if (!input.values.empty() && int64_t(input.values.size()) != input.shape.elements())
    throw std::runtime_error("values do not fill the shape");
  return input;
}

std::vector<InputCase> inputs_of(const OpDefinition &op, const Json &json) {
  std::vector<InputCase> inputs;
  size_t known = 0;
  for (size_t i = 0; i < op.inputs.size(); i++) {
    const InputSpec &spec = op.inputs[i];
    const Json *given = json.find(spec.name);
    known += given != nullptr;
    if (given && op.is_variadic && i + 1 == op.inputs.size())
      for (const Json &each : given->list)
        inputs.push_back(input_of(spec, each));
    else if (given)
      inputs.push_back(input_of(spec, *given));
    else {
      InputCase absent;
      absent.spec = &spec;
      inputs.push_back(absent);
    }
  }
  if (known != json.members.size())
    throw std::runtime_error("an input that the op does not have");
  return inputs;
}

/// Entries of the file, replaced or joined by those of the case.
std::vector<AttributeEntry> attributes_of(const Json *defaults, const Json *own) {
  std::vector<AttributeEntry> entries;
  auto put = [&](const std::string &name, const Json &value) {
    AttributeValue given = value.number;
    if (value.kind == Json::Kind::text)
      given = value.text;
    for (AttributeEntry &entry : entries)
      if (entry.name == name) {
        entry.value = given;
        return;
      }
    entries.push_back({name, given});
  };
  for (const Json *list : {defaults, own})
    if (list)
      for (const auto &[name, value] : list->members)
        put(name, value);
  return entries;
}

} // namespace

Case read_case(const OpDefinition &op, const Json &file, const Json &json) {
  Case result;
  result.op = &op;
  for (const auto &[name, value] : json.members) {
    if (name == "name")
      result.name = value.text;
    else if (name == "production")
      result.is_production = value.number != 0;
    else if (name == "inputs")
      result.inputs = inputs_of(op, value);
    else if (name == "output")
      result.output = shape_of(value);
    else if (name == "alias")
      result.alias = value.text;
    else if (name != "attributes" && name != "rows")
      throw std::runtime_error("no field \"" + name + "\" of a case");
  }
  result.attributes = attributes_of(file.find("attributes"), json.find("attributes"));
  if (const Json *exact = file.find("exact"))
    result.is_exact = exact->number != 0;
  const Json *rows = json.find("rows") ? json.find("rows") : file.find("rows");
  if (rows)
    for (const Json &row : rows->list)
      result.rows.push_back(row.text);
  return result;
}

Json read_json(const std::string &path) {
  std::ifstream stream(path);
  if (!stream)
    throw std::runtime_error(path + ": no such file");
  std::stringstream text;
  text << stream.rdbuf();
  try {
    return parse_json(text.str());
  } catch (const std::exception &error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

std::vector<Case> load_cases(const std::string &folder) {
  std::vector<Case> cases;
  for (const OpDefinition &op : op_table()) {
    if (op.is_view)
      continue;
    const Json file = read_json(folder + "/" + op.name + ".json");
    const Json *list = file.find("cases");
    if (!list || list->list.empty())
      throw std::runtime_error(std::string(op.name) + ": no cases");
    for (const Json &json : list->list)
      cases.push_back(read_case(op, file, json));
  }
  return cases;
}

} // namespace tubelet
