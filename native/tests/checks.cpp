// Bad nodes and bad data: native/tests/bad_cases.json has, for each, the error that must come.
#include "tests/options.h"
#include "tests/problem.h"

#include <cstdio>
#include <stdexcept>

namespace tubelet {
namespace {

std::string error_of(const Json &bad) {
  const OpDefinition *op = find_op(bad.find("op")->text);
  if (!op)
    throw std::runtime_error("no op \"" + bad.find("op")->text + '"');
  const Json file =
      op->is_view ? Json{} : read_json(std::string(TUBELET_CASES) + "/" + op->name + ".json");
  const Case which = read_case(*op, file, *bad.find("case"));
  try {
    Problem problem(which, 1);
    return "accepted";
  } catch (const Error &error) {
    return std::string(name_of(error.code)) + " " + error.what();
  }
}

} // namespace

int test_checks(const Options &options) {
  int passed = 0, failed = 0;
  for (const Json &bad : read_json(TUBELET_BAD_CASES).list) {
    if (!options.op.empty() && options.op != bad.find("op")->text)
      continue;
    const std::string got = error_of(bad), &expected = bad.find("error")->text;
    (got == expected ? passed : failed)++;
    if (got != expected)
      std::printf("FAIL checks: expected %s\n                 got %s\n", expected.c_str(),
                  got.c_str());
  }
  std::printf("%s checks: %d passed, %d failed\n", failed ? "FAIL" : "ok", passed, failed);
  return failed;
}

} // namespace tubelet
