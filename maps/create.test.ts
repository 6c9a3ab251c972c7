import { expect, test } from 'vitest'
import { UserProcess } from '../arena/process.ts'
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import { closeKernel, makeKernel } from '../memalloc/kernel.ts'
import { createMap } from './create.ts'
import type { MapAttributes } from './map.ts'

const ARRAY: MapAttributes = {
  name: 'm',
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 2,
  flags: 0,
  extra: 0n,
}

/** As callers without types may call it. */
function create(changed: Readonly<Record<string, unknown>>): unknown {
  const kernel = makeKernel()
  try {
    const arena = { owner: {}, random: () => 0, process: new UserProcess('main') }
    return createMap(kernel, { ...ARRAY, ...changed } as MapAttributes, { arena }).info
  } catch (error) {
    return error
  } finally {
    closeKernel(kernel)
  }
}

test('all attributes', () => expect(create({})).toMatchObject({ name: 'm', keySize: 4 }))

test.each([
  [{ keySize: undefined }, 'map m: keySize is a number of 32 bits, not undefined'],
  [{ valueSize: '8' }, 'map m: valueSize is a number of 32 bits, not 8'],
  [{ maxEntries: 2 ** 32 }, 'map m: maxEntries is a number of 32 bits, not 4294967296'],
  [{ maxEntries: -1 }, 'map m: maxEntries is a number of 32 bits, not -1'],
  [{ flags: undefined }, 'map m: flags is a number of 32 bits, not undefined'],
  [{ extra: 0 }, 'map m: extra is a bigint of 64 bits, not 0'],
  [{ name: undefined }, 'map undefined: name is a string, not undefined'],
  [{ type: 'aray' }, 'map m: there is no map type aray; did you mean array?'],
  [{ type: undefined }, 'map m: there is no map type undefined'],
])('%j', (changed, message) => {
  const error = create(changed)
  expect(error).toBeInstanceOf(HarenaError)
  expect(error).not.toBeInstanceOf(ErrnoError)
  expect((error as Error).message).toBe(message)
})

test('a type of Linux that is not there yet', () => {
  expect(create({ type: 'queue' })).toMatchObject({
    errno: 'EOPNOTSUPP',
    what: 'map m: harena does not implement map type queue',
  })
})
