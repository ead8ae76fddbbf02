#include "ops/error.h"

namespace tubelet {

const char *name_of(ErrorCode code) {
  switch (code) {
  case ErrorCode::bad_graph:
    return "BAD_GRAPH";
  case ErrorCode::bad_attribute:
    return "BAD_ATTRIBUTE";
  case ErrorCode::bad_shape:
    return "BAD_SHAPE";
  case ErrorCode::bad_input:
    return "BAD_INPUT";
  case ErrorCode::bad_weight:
    return "BAD_WEIGHT";
  case ErrorCode::out_of_memory:
    return "OUT_OF_MEMORY";
  case ErrorCode::aborted:
    return "ABORTED";
  case ErrorCode::disposed:
    return "DISPOSED";
  case ErrorCode::io:
    return "IO";
  case ErrorCode::unsupported:
    return "UNSUPPORTED";
  }
  return "BAD_INPUT";
}

} // namespace tubelet
