# The page that model/train/report.c writes around its data, made into C at build time: one HTML file with its
# style, the modules of D3 (Debian packages) and the scripts in place.
set(CTRD_D3_FOLDER /usr/share/nodejs CACHE PATH "where the packages node-d3-* keep their modules")
set(report_folder ${CMAKE_SOURCE_DIR}/model/train/report)

# A module stands behind those that it uses.
set(d3_files "")
foreach(module array collection color interpolate format time time-format scale selection path shape axis)
  set(file ${CTRD_D3_FOLDER}/d3-${module}/dist/d3-${module}.min.js)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file} is missing: apt-get install node-d3-scale node-d3-selection "
      "node-d3-axis node-d3-shape (or run scripts/setup)")
  endif()
  list(APPEND d3_files ${file})
endforeach()

# All of them are one ECMAScript module; main.js begins when the others are declared.
file(GLOB report_scripts CONFIGURE_DEPENDS ${report_folder}/*.js)
list(REMOVE_ITEM report_scripts ${report_folder}/main.js)
list(APPEND report_scripts ${report_folder}/main.js)

set(report_parts ${report_folder}/page.html ${report_folder}/style.css ${report_folder}/d3-licence.txt)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/report_page.c
  COMMAND ${CMAKE_COMMAND} "-DFOLDER=${report_folder}" "-DSCRIPTS=${report_scripts}" "-DD3=${d3_files}"
    -DOUT=${CMAKE_BINARY_DIR}/report_page.c -P ${CMAKE_SOURCE_DIR}/cmake/report_page.cmake
  DEPENDS ${report_parts} ${report_scripts} ${d3_files} ${CMAKE_SOURCE_DIR}/cmake/report_page.cmake
  COMMENT "Making the page of the report" VERBATIM)
