/** Every workload, in the order of the tables. */
import type { Workload } from '../workload.ts'
import { BYTE_STORES, COMPARE, SCAN, WORD_STORES } from './bytes.ts'
import { CALLS, XORSHIFT } from './compute.ts'
import { HASH_INSERT, HASH_LOOKUP } from './hash-table.ts'
import { ARRAY_LOOKUP, CURRENT_CPU, RANDOM } from './helpers.ts'
import { LIST_BUILD, LIST_SHUFFLED, LIST_WALK } from './lists.ts'
import { MAP_WORKLOADS, OBJECTS } from './maps.ts'
import { SPARSE } from './sparse.ts'

export const WORKLOADS: readonly Workload[] = [
  XORSHIFT,
  CALLS,
  LIST_BUILD,
  LIST_WALK,
  LIST_SHUFFLED,
  HASH_INSERT,
  HASH_LOOKUP,
  SCAN,
  COMPARE,
  BYTE_STORES,
  WORD_STORES,
  SPARSE,
  CURRENT_CPU,
  RANDOM,
  ARRAY_LOOKUP,
  ...MAP_WORKLOADS,
  OBJECTS,
]
