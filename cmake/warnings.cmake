# Warnings, as errors unless GPUALLOC_WERROR is off. One interface target that every target of ours links.
option(GPUALLOC_WERROR "Warnings are errors" ON)
add_compile_options(-Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
                    -Wundef -Wno-missing-field-initializers)
add_compile_definitions(_GNU_SOURCE)
if(GPUALLOC_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  add_compile_options(-Wno-gnu-zero-variadic-macro-arguments)
endif()
