# server/openapi.json made into C at build time: `const char openapi_text[]`.
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/openapi_text.c
  COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/server/openapi.json -DOUT=${CMAKE_BINARY_DIR}/openapi_text.c
    -P ${CMAKE_SOURCE_DIR}/cmake/openapi_text.cmake
  DEPENDS ${CMAKE_SOURCE_DIR}/server/openapi.json ${CMAKE_SOURCE_DIR}/cmake/openapi_text.cmake
  COMMENT "Making the description of the routes" VERBATIM)
