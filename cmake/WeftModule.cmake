# weft_module(<name> HEADERS … SOURCES … [DEPENDS …] [PUBLIC_DEPENDS …] [PRIVATE_DEPENDS …] [BUILD_DEPENDS …])
#
# One folder = one module = one target: makes weft_<name>, alias weft::<name>, and installs it.
# HEADERS          public headers, below include/
# DEPENDS          weft modules whose headers the public headers use
# PUBLIC_DEPENDS   third parties that the public headers show; rare
# PRIVATE_DEPENDS  everything else, third parties included; they stay out of the module's headers
# BUILD_DEPENDS    libraries of headers only, of which nothing is left to link
function(weft_module name)
  cmake_parse_arguments(arg "" "" "HEADERS;SOURCES;DEPENDS;PUBLIC_DEPENDS;PRIVATE_DEPENDS;BUILD_DEPENDS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "weft_module(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  # One that is not listed is not installed, which nobody notices here.
  file(GLOB_RECURSE found RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} include/*.hpp)
  list(REMOVE_ITEM found ${arg_HEADERS})
  if(found)
    message(FATAL_ERROR "weft_module(${name}): HEADERS leaves out ${found}")
  endif()
  set(target weft_${name})
  add_library(${target} STATIC)
  add_library(weft::${name} ALIAS ${target})
  target_sources(${target}
    PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${arg_HEADERS}
    PRIVATE ${arg_SOURCES})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PRIVATE src)
  list(TRANSFORM arg_DEPENDS PREPEND weft::)
  target_link_libraries(${target}
    PUBLIC ${arg_DEPENDS} ${arg_PUBLIC_DEPENDS}
    PRIVATE ${arg_PRIVATE_DEPENDS} $<BUILD_INTERFACE:${arg_BUILD_DEPENDS}> $<BUILD_INTERFACE:weft_warnings>)
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  weft_install_library(${target} ${name} FILE_SET
    DEPENDS ${arg_DEPENDS} ${arg_PUBLIC_DEPENDS} ${arg_PRIVATE_DEPENDS})
endfunction()
