// A function in a clone for each level of x86-64, the best taken when the program starts: for plain
// loops that the compiler turns into vector code. With -ffp-contract=off every clone computes the
// same bits; what needs intrinsics is a kernel (model/kernels).
#pragma once

// ThreadSanitizer is not ready when the loader chooses, and clang 14 does not link what it clones:
// such builds have the plain function.
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
