# Compiler flags of all our targets. Warnings are errors.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # POSIX and Linux calls; _GNU_SOURCE below
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(CTRD_SANITIZE "" CACHE STRING "address | thread | fuzzer")
option(CTRD_ARENA_EMU "link the arena that makes one malloc per allocation" OFF)
option(CTRD_HARDEN "hardening flags of the release" OFF)
option(CTRD_FUZZ "build the libFuzzer targets (clang)" OFF)

find_package(Threads REQUIRED)

add_library(ctr_flags INTERFACE)
target_compile_definitions(ctr_flags INTERFACE _GNU_SOURCE)
target_compile_options(ctr_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Werror
  -Wformat=2 -Wundef -Wcast-qual -Wpointer-arith
  -fno-common -ffp-contract=off
  -fno-math-errno # nobody reads it, and sqrtf becomes one instruction (Adam four times as fast)
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  $<$<C_COMPILER_ID:GNU>:-Walloca -Wformat-truncation=2>)

# Asserts stay on in every build: they state what is a bug, and are off the hot loops.
foreach(language C CXX)
  set(CMAKE_${language}_FLAGS_RELEASE "-O3 -g")
  set(CMAKE_${language}_FLAGS_DEBUG "-O1 -g")
endforeach()

if(CTRD_HARDEN)
  target_compile_options(ctr_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
    -fcf-protection)
  target_link_options(ctr_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack LINKER:--as-needed)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported()
endif()

if(CTRD_SANITIZE STREQUAL "address")
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(CTRD_SANITIZE STREQUAL "thread")
  set(sanitize -fsanitize=thread -fno-omit-frame-pointer)
elseif(CTRD_SANITIZE STREQUAL "fuzzer")
  set(sanitize -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(NOT CTRD_SANITIZE STREQUAL "")
  message(FATAL_ERROR "CTRD_SANITIZE: address, thread or fuzzer, not '${CTRD_SANITIZE}'")
endif()
target_compile_options(ctr_flags INTERFACE ${sanitize})
target_link_options(ctr_flags INTERFACE ${sanitize})
