# One kernel set a file, each with its own instruction flags; nothing else gets any.
set(kernel_flags_avx2 -mavx2 -mfma)
set(kernel_flags_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mavx2 -mprefer-vector-width=512)
foreach(isa avx2 avx512)
  set_source_files_properties(model/kernels/${isa}.c PROPERTIES COMPILE_OPTIONS "${kernel_flags_${isa}}")
endforeach()
