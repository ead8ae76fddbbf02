# One symbol leaves the library.
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY} OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE " [^\n]*\n" ";" symbols "${symbols}")
list(REMOVE_ITEM symbols "")
if(NOT symbols STREQUAL "tubelet_cuda_entry")
  message(FATAL_ERROR "exported symbols must be = tubelet_cuda_entry, got ${symbols}")
endif()
