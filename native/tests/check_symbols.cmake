# No object of an ISA level may hold a weak symbol: the linker keeps one copy of it for all levels, and
# an old processor dies on the one compiled for a new one.
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} -C ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" weak "${symbols}")
  if(weak)
    message(SEND_ERROR "${object} must have no weak symbols, got ${weak}")
  endif()
endforeach()
