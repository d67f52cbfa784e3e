# GPUALLOC_SANITIZE: a list for -fsanitize= (address,undefined or thread), for everything that is built.
set(GPUALLOC_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")
if(GPUALLOC_SANITIZE)
  add_compile_options(-fsanitize=${GPUALLOC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GPUALLOC_SANITIZE})
endif()
