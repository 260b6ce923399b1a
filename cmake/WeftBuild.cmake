# Compiler-wide settings: the language, speed of the build, warnings, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${WEFT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEFT_CCACHE})
endif()

# mold links the test programs several times faster than bfd; ThreadSanitizer needs the default layout.
find_program(WEFT_MOLD mold)
if(WEFT_MOLD AND PROJECT_IS_TOP_LEVEL AND NOT WEFT_SANITIZE MATCHES "thread")
  add_link_options(-fuse-ld=mold)
endif()

# Two compilers fill two cores; a link beside them is enough.
set_property(GLOBAL PROPERTY JOB_POOLS compile_pool=2 link_pool=1)
set(CMAKE_JOB_POOL_COMPILE compile_pool)
set(CMAKE_JOB_POOL_LINK link_pool)

# -g1 keeps line numbers in back traces at a third of the size of -g.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")

set(WEFT_SANITIZED OFF)  # the list itself has a comma, which a generator expression takes for a separator
# A list of sanitizers has commas, which generator expressions do not take.
set(WEFT_SANITIZED OFF)
if(WEFT_SANITIZE)
  set(WEFT_SANITIZED ON)
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  # The vptr check probes memory through a pipe, and reports an error when a test has used up all descriptors.
  add_compile_options(-fno-sanitize=vptr)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
endif()

# Warnings are an interface of our own targets only, so that generated code and consumers are untouched.
add_library(weft_warnings INTERFACE)
target_compile_options(weft_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<BOOL:${WEFT_WERROR}>:-Werror>
  # g++ 12 reports uninitialised and dangling members of coroutine frames that are neither (PR 105562 family).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-dangling-pointer>
  # clang 19 reports what the sorting algorithms of g++ 12's own library use. g++ reports what is deprecated, too.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${WEFT_SANITIZED}>>:-Wno-error>)
