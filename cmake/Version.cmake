# base/version.h is implemented by a generated file; the commit is taken at configuration.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE CTRD_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CTRD_COMMIT)
  set(CTRD_COMMIT "unknown")
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.c.in ${CMAKE_BINARY_DIR}/version.c @ONLY)
