import { describe, expect, test } from 'vitest'
import { isKfuncName, isOwnKfunc, KFUNCS, kfuncById, kfuncNamed, LINUX_KFUNC_NAMES } from './kfuncs.ts'

describe('the table of kfuncs', () => {
  test('numbers count from 1, and names are told apart', () => {
    expect(KFUNCS.map(({ id }) => id)).toEqual(KFUNCS.map((_, i) => i + 1))
    expect(new Set(KFUNCS.map(({ name }) => name)).size).toBe(KFUNCS.length)
    for (const row of KFUNCS) expect(kfuncById(row.id)).toBe(row)
  })

  test('each is of Linux or harena’s own', () => {
    for (const { name, own = false } of KFUNCS) {
      expect(LINUX_KFUNC_NAMES.includes(name), name).toBe(!own)
      expect(isOwnKfunc(name)).toBe(own)
      expect(isKfuncName(name)).toBe(true)
    }
  })

  test('what acquires may fail, what releases takes just one thing back', () => {
    for (const { name, flags, params, ret } of KFUNCS) {
      if (flags.includes('acquire')) expect([flags.includes('ret_null'), ret !== 'void'], name).toEqual([true, true])
      const taken = params.filter(({ kind }) => kind === 'object' || kind === 'alloc_memory').length
      expect(taken, name).toBe(flags.includes('release') ? 1 : 0)
    }
  })

  test('names may leave _impl out', () => {
    expect(kfuncNamed('bpf_obj_new')).toBe(kfuncNamed('bpf_obj_new_impl'))
    expect(kfuncNamed('bpf_mem_alloc_impl')).toBeUndefined()
    expect(kfuncNamed('bpf_throw')).toBeUndefined()
  })
})
