# One kernel set a file, each with its own instruction flags; nothing else gets any. Tiles of sums are
# arrays that only full optimisation keeps in registers, so kernels are optimised in every build.
set(kernel_flags_avx2 -mavx2 -mfma)
set(kernel_flags_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mavx2 -mprefer-vector-width=512)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  foreach(isa avx2 avx512)
    set_source_files_properties(model/kernels/${isa}.c PROPERTIES
      COMPILE_OPTIONS "-O3;${kernel_flags_${isa}}")
  endforeach()
endif()
