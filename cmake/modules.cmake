# Modules: static libraries that see only what they may.
#
# ga_module(NAME FOLDER [SOURCES…] [DEPENDS module…] [LIBRARIES lib…])
# makes the static library ga_NAME of FOLDER (relative to here). Others include its headers as "NAME/header.h", and can do
# so only when they link ga_NAME: each module has an include directory of its own, with one link to its folder in it, so a
# breach of docs/architecture.md ('who may include what') does not compile.
function(ga_module name folder)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  set(here ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  set(include ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include})
  file(CREATE_LINK ${here} ${include}/${name} SYMBOLIC)
  list(TRANSFORM arg_DEPENDS PREPEND ga_)
  if(arg_SOURCES)
    list(TRANSFORM arg_SOURCES PREPEND ${here}/)
    add_library(ga_${name} STATIC ${arg_SOURCES})
    target_include_directories(ga_${name} PUBLIC ${include})
    target_link_libraries(ga_${name} PUBLIC ${arg_DEPENDS} ${arg_LIBRARIES})
  else()
    add_library(ga_${name} INTERFACE)
    target_include_directories(ga_${name} INTERFACE ${include})
    target_link_libraries(ga_${name} INTERFACE ${arg_DEPENDS} ${arg_LIBRARIES})
  endif()
endfunction()

# ga_generated_list(OUTPUT FOLDER EXTENSION FORMAT): writes OUTPUT with one FORMAT a file of FOLDER, sorted by name;
# @NAME@ is the file's name without its ending. The list is made again when a file comes or goes.
function(ga_generated_list output folder extension format)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.${extension})
  list(SORT files)
  set(text "/* Generated from the file names of ${folder}. */\n")
  string(REPLACE "${PROJECT_SOURCE_DIR}/" "" text "${text}")
  foreach(file IN LISTS files)
    get_filename_component(NAME ${file} NAME_WE)
    string(REPLACE "@NAME@" "${NAME}" line "${format}")
    string(APPEND text "${line}\n")
  endforeach()
  file(GENERATE OUTPUT ${output} CONTENT "${text}")
endfunction()
