import { expect, test } from 'vitest'
import { inLargeBlocks } from './free-memory.ts'

test.for([
  ['all small', 'Node 0, zone   Normal   1024   512   0   0   0   0   0   0   0   0   0 \n', 0],
  ['half and half', 'Node 0, zone   Normal   1024   0   0   0   0   0   0   0   0   0   1 \n', 0.5],
  ['from 2 MiB on', 'Node 0, zone   Normal   0   0   0   0   0   0   0   0   2   1   0 \n', 0.5],
  [
    'zones together',
    'Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      3 \n' +
      'Node 0, zone   Normal   1024      0      0      0      0      0      0      0      0      0      0 \n',
    0.75,
  ],
  ['nothing free', 'Node 0, zone   Normal   0   0   0   0   0   0   0   0   0   0   0 \n', 0],
] as const)('%s', ([, text, part]) => {
  expect(inLargeBlocks(text)).toBe(part)
})
