// Blocks of bytes gathered from a pool by a table, and scattered into it: pack_FORM_UNIT and unpack_FORM_UNIT.
// Block k of the packed side is block table[k] of the pool. UNIT: bytes that are moved at once; they divide a block.
#pragma once
#include "common.cuh"

namespace fabricbench {

struct alignas(16) Sixteen {
  unsigned long long halves[2];
};

template <bool GATHER, typename U>
__device__ inline void move(U* to, const U* from, Index packed, Index pool) {
  if (GATHER) to[packed] = from[pool];
  else to[pool] = from[packed];
}

// The definition: one thread a unit, which finds its block by a division.
template <bool GATHER, typename U>
__device__ inline void move_reference(U* to, const U* from, const int* table, Index blocks, int units) {
  const Index i = this_thread();
  if (i < blocks * units) move<GATHER>(to, from, i, Index(table[i / units]) * units + i % units);
}

// A warp a block of memory: its lanes read the table once and walk the block side by side.
template <bool GATHER, typename U>
__device__ inline void move_simple(U* to, const U* from, const int* table, Index blocks, int units) {
  const int lane = threadIdx.x % WARP;
  for (Index block = this_thread() / WARP; block < blocks; block += all_threads() / WARP)
    for (int unit = lane; unit < units; unit += WARP)
      move<GATHER>(to, from, block * units + unit, Index(table[block]) * units + unit);
}

// The same with four loads of a lane under way before the first is stored.
template <bool GATHER, typename U>
__device__ inline void move_fast(U* to, const U* from, const int* table, Index blocks, int units) {
  constexpr int LOADS = 4;
  const int lane = threadIdx.x % WARP;
  for (Index block = this_thread() / WARP; block < blocks; block += all_threads() / WARP) {
    const Index packed = block * units, pool = Index(table[block]) * units;
    const U* source = from + (GATHER ? pool : packed);
    U* target = to + (GATHER ? packed : pool);
    int unit = lane;
    for (; unit + (LOADS - 1) * WARP < units; unit += LOADS * WARP) {
      U loaded[LOADS];
#pragma unroll
      for (int k = 0; k < LOADS; k++) loaded[k] = source[unit + k * WARP];
#pragma unroll
      for (int k = 0; k < LOADS; k++) target[unit + k * WARP] = loaded[k];
    }
    for (; unit < units; unit += WARP) target[unit] = source[unit];
  }
}

}  // namespace fabricbench

#define MOVE(NAME, GATHER, FORM, UNIT, U)                                                                            \
  extern "C" __global__ void NAME##_##FORM##_##UNIT(U* to, const U* from, const int* table, long long blocks, int units) { \
    fabricbench::move_##FORM<GATHER>(to, from, table, blocks, units);                                                \
  }
#define MOVE_FORMS(NAME, GATHER, UNIT, U)  \
  MOVE(NAME, GATHER, reference, UNIT, U)   \
  MOVE(NAME, GATHER, simple, UNIT, U)      \
  MOVE(NAME, GATHER, fast, UNIT, U)
#define MOVES(UNIT, U)               \
  MOVE_FORMS(pack, true, UNIT, U)    \
  MOVE_FORMS(unpack, false, UNIT, U)

MOVES(16, fabricbench::Sixteen)
MOVES(8, unsigned long long)
MOVES(4, unsigned)
MOVES(2, unsigned short)
MOVES(1, unsigned char)
